"""Verdicts at the end of a run, through a pytest of its own."""

import json
import math
import re
from dataclasses import replace

import pytest

from ablation.models.registry import MODELS
from experiments.claims import CLAIMS
from experiments.judging.claim import Tier
from experiments.judging.report import Finding, summarise
from experiments.judging.stored_evidence import read_evidence
from experiments.judging.verdict import Evidence, Verdict
from experiments.tests.plugin.claims_suite import CASES, write_suite


@pytest.fixture
def suite(pytester):
    return write_suite(pytester, CASES)


TABLE = """
claim  tier       model        published  measured [95% interval]   n             p            verdict
A1*    embedded   smollm2                                                         0.001        DIRECTION_ONLY (without 3 of 6 parts)
  5                            5.5        20.0 [18.0, 22.0] points  16 companies  0.001        REPRODUCED
  10                           9.2        30.0 [28.0, 32.0] points  16 companies  0.001        REPRODUCED
  20                           13.7       5.0 [3.0, 7.0] points     16 companies  0.001        DIRECTION_ONLY
A2     embedded   smollm2      24.0       -10.0 [-20.0, -5.0] points  16 companies  1  NOT_REPRODUCED
A3     embedded   smollm2      7.2        1.0 [0.0, 2.0] points  16 companies  0.18 (Holm)  INCONCLUSIVE
B1     embedded   smollm2                                                             INCONCLUSIVE (without 1 of 2 parts)
  mean                         30         one layer                                            INCONCLUSIVE
B2 embedded smollm2 1.37 the case failed before it gave evidence: 'alpha' INCONCLUSIVE
B7     published  GPT-2 small  0.24       not printed                                          BLOCKED
checks of the ablator
A5     embedded   smollm2      0          no hub: give --model DIR                             BLOCKED
*: the study's primary claim
tier published: the source's own figures; where they give no interval, it is their rounding
tier embedded: SmolLM2-135M-Instruct (Q4_1, dequantised), not the model of the studies
"""  # noqa: E501


def squeezed(text):
    return [" ".join(line.split()) for line in text.strip().splitlines()]


@pytest.mark.slow
@pytest.mark.parametrize("workers", [("-p", "no:xdist"), ("-n", "2")])
def test_the_table_is_the_same_with_and_without_workers(suite, workers):
    result = suite.runpytest_subprocess(*workers, "--junitxml=junit.xml", "--claims-json=out.json")
    text = result.stdout.str()
    lines = squeezed(text[text.index("= claims =") :])[1:]
    assert lines[: len(squeezed(TABLE))] == squeezed(TABLE)
    result.assert_outcomes(passed=3, failed=3, xfailed=1, skipped=2)
    assert re.search(r"\b1 inconclusive\b", text)

    claims = json.loads((suite.path / "out.json").read_text(encoding="utf-8"))["claims"]
    found = {claim["id"]: claim for claim in claims}
    assert list(found) == ["A1", "A2", "A3", "A5", "B1", "B2", "B7"]
    assert [part["part"] for part in found["A1"]["parts"]] == ["5", "10", "20"]
    assert [part["of"] for part in found["A1"]["details"]] == ["one cell"]
    assert found["A3"]["parts"][0]["interval"] == [0.0, 0.02]
    assert (found["A3"]["p"], found["A3"]["p_holm"]) == (0.03, pytest.approx(0.18))

    xml = (suite.path / "junit.xml").read_text(encoding="utf-8")
    assert '<property name="claim A3 embedded smollm2" value="INCONCLUSIVE"' in xml
    assert '<property name="claim.measured" value="30.0 [28.0, 32.0] points"' in xml
    assert '<property name="claim.verdict" value="DIRECTION_ONLY"' in xml


def test_strict_claims_fail_for_every_verdict_but_reproduced(suite):
    result = suite.runpytest_inprocess("--strict-claims", "-rf")
    result.assert_outcomes(passed=3, failed=7)
    result.stdout.fnmatch_lines(["*--strict-claims: A2 is NOT_REPRODUCED*"])


def test_strict_claims_look_at_the_correction_for_many_claims_too(pytester):
    suite = write_suite(
        pytester,
        """
        import pytest
        from ablation.stats.interval import Interval
        from experiments.judging.verdict import Evidence

        @pytest.mark.claim("A2")
        def test_drop(judged):
            assert judged(Evidence(0.1, Interval(0.05, 0.2), 16, "companies", p=0.04)).holds

        @pytest.mark.claim("A3")
        def test_random(judged):
            assert judged(Evidence(0.01, Interval(0.0, 0.02), 16, "companies", p=0.03)).holds
        """,
    )
    assert suite.runpytest_inprocess().ret == 0
    result = suite.runpytest_inprocess("--strict-claims")
    result.assert_outcomes(passed=2)
    assert result.ret == 1
    result.stdout.fnmatch_lines(["--strict-claims: A2 embedded smollm2: INCONCLUSIVE"])


def test_a_case_that_gives_no_evidence_fails(pytester):
    suite = write_suite(
        pytester,
        """
        import pytest

        @pytest.mark.claim("A5")
        def test_nothing(judged):
            pass

        @pytest.mark.claim("A5")
        def test_not_even_asked_for():
            pass
        """,
    )
    result = suite.runpytest_inprocess()
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(["*the case judges a claim but gave no evidence*"])


@pytest.mark.parametrize(
    ("marker", "message"),
    [
        ('claim("Z9")', "a case is marked with @pytest.mark.claim(one of A1,*"),
        ('claim("A1", "6")', "claim A1 has no part '6'*"),
        ('claim("A1", "{level}")', "the marker's '{level}' cannot be filled in*"),
    ],
)
def test_a_marker_that_does_not_fit_is_an_error(pytester, marker, message):
    suite = write_suite(
        pytester,
        f"""
        import pytest

        @pytest.mark.{marker}
        def test_case(judged):
            pass
        """,
    )
    result = suite.runpytest_inprocess("-p", "no:xdist")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([f"*{message}"])


def test_a_case_of_another_tier_is_skipped_with_the_reason(pytester):
    suite = write_suite(
        pytester,
        """
        import pytest

        @pytest.fixture(scope="session")
        def weights():
            raise RuntimeError("must not be loaded")

        @pytest.mark.claim("A4", "top")
        def test_case(weights, judged):
            pass
        """,
    )
    result = suite.runpytest_inprocess("-rs")
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["*A4 is judged in tier published, not in embedded"])


@pytest.mark.parametrize(
    ("before", "left", "doubt"),
    [
        ("", 0.0, ""),
        ("", 1e-3, " (ablator unproven)"),
        # What breaks before anything is judged proves nothing either.
        ("assert False", 0.0, " (ablator unproven)"),
        ("raise Unavailable('no weights')", 0.0, ""),
    ],
)
def test_what_rests_on_an_ablator_that_failed_a_check_says_so(pytester, before, left, doubt):
    suite = write_suite(
        pytester,
        f"""
        import pytest
        from ablation.errors import Unavailable
        from ablation.stats.interval import Interval
        from experiments.judging.verdict import Evidence

        FOUND = Evidence(0.2, Interval(0.1, 0.3), 16, "companies", p=0.001)

        @pytest.mark.claim("A5")
        def test_the_ablator(judged):
            {before}
            judged(Evidence.exact({left}, 1, "heads"))

        @pytest.mark.claim("A2")
        def test_what_rests_on_it(judged):
            judged(FOUND)

        @pytest.mark.claim("A8")
        def test_what_does_not(judged):
            judged(FOUND)
        """,
    )
    lines = suite.runpytest_inprocess().outlines
    said = [line.rpartition("(Holm)  ")[2] for line in lines if line[:2] in ("A2", "A8")]
    assert said == [f"REPRODUCED{doubt}", "REPRODUCED"]


def test_the_ablator_of_a_studys_own_model_is_the_one_of_all_studies():
    results = [
        finding("A5", Tier.OWN, "gpt2", Verdict.NOT_REPRODUCED),
        finding("B3", Tier.PAPER, "gpt2", Verdict.REPRODUCED),
        finding("B3", Tier.PUBLISHED, "GPT-2 small", Verdict.REPRODUCED),
    ]
    found = {(one.claim.id, one.tier): one.ablator_unproven for one in summarise(results, CLAIMS)}
    assert found == {
        ("A5", Tier.OWN): False,
        ("B3", Tier.PAPER): True,
        ("B3", Tier.PUBLISHED): False,
    }


def finding(claim, tier, model, verdict):
    return Finding(claim, "", tier, model, "", Evidence.exact(0.5, 1, "heads"), verdict)


def test_a_second_judgement_in_one_case_is_an_error(pytester):
    suite = write_suite(
        pytester,
        """
        import pytest
        from experiments.judging.verdict import Evidence

        @pytest.mark.claim("A5")
        def test_case(judged, record_property):
            record_property("verdict", "of another plugin")
            judged(Evidence.exact(0.0, 1, "heads"))
            judged(Evidence.exact(1.0, 1, "heads"))
        """,
    )
    result = suite.runpytest_inprocess()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*test_case was judged already*"])


def test_an_infinite_ratio_and_details_alone_are_reported(pytester):
    suite = write_suite(
        pytester,
        """
        import math
        import pytest
        from ablation.stats.interval import Interval
        from experiments.judging.verdict import Evidence

        @pytest.mark.claim("B1", "mean")
        def test_ratio(judged):
            assert judged(Evidence(math.inf, Interval(2.0, math.inf), 16, "blocks")).holds

        @pytest.mark.claim("A1", "5", of="one cell")
        def test_cell(judged):
            assert judged(Evidence.exact(1.0, 1, "companies")).holds
        """,
    )
    result = suite.runpytest_inprocess("--claims-json=out.json", "--junitxml=junit.xml")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["A1* details only", "*  mean * inf ?2, inf? ×*INCONCLUSIVE"])
    details, ratio = json.loads((suite.path / "out.json").read_text(encoding="utf-8"))["claims"]
    assert (details["verdict"], len(details["missing"])) == (None, 6)
    assert ratio["parts"][0]["interval"] == [2.0, "inf"]
    assert float(ratio["parts"][0]["estimate"]) == float("inf")
    assert ratio["missing"] == ["top heads"]
    assert "(without 1 of 2 parts)" in (suite.path / "junit.xml").read_text(encoding="utf-8")
    read = read_evidence([suite.path / "out.json"])
    assert read[1]["parts"][0]["interval"] == [2.0, math.inf]


TIERS = """
    import pytest
    from experiments.judging.verdict import Evidence

    @pytest.mark.claim("A2")
    def test_drop(judged):
        assert judged(Evidence.exact(0.3, 16, "companies")).holds

    @pytest.mark.claim("B3")
    def test_cheap(judged):
        assert judged(Evidence.exact(0.9, 16, "heads")).holds
"""


@pytest.mark.parametrize(
    ("model", "tiers"),
    [
        ("smollm2", ["embedded", "embedded"]),
        ("gpt2", ["own", "paper"]),
        ("instruct", ["paper", "own"]),
        ("base", ["paper", "own"]),
        ("a/model", ["own", "own"]),
    ],
)
def test_a_model_is_the_paper_one_of_its_own_study_only(pytester, model, tiers):
    suite = write_suite(pytester, TIERS)
    suite.runpytest_inprocess("--model", model, "--claims-json=out.json").assert_outcomes(passed=2)
    claims = json.loads((suite.path / "out.json").read_text(encoding="utf-8"))["claims"]
    assert [claim["tier"] for claim in claims] == tiers


def test_a_model_that_is_registered_next_is_no_model_of_a_study(pytester, monkeypatch):
    more = {**MODELS, "next": replace(MODELS["gpt2"], key="next")}
    monkeypatch.setattr("ablation.models.registry.MODELS", more)
    monkeypatch.setattr("experiments.plugin.claims.markers.MODELS", more)
    suite = write_suite(pytester, TIERS)
    result = suite.runpytest_inprocess("--model", "next")
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["A2 * own * next *", "B3* own * next *"])
