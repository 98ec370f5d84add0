"""Findings that are known: what they excuse, and that each is of a case."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from experiments.tests.plugin.claims_suite import write_suite

ROOT = Path(__file__).parents[3]

KNOWN = """
    import pytest
    from experiments.judging.verdict import Evidence

    KNOWN_NOT_TO_HOLD = {
        "smollm2 A1 5": "five fall",
        "smollm2 A1 10 one cell": "ten fall in one cell",
        "Llama-3-8B A4 top": "the rows differ",
    }

    @pytest.mark.claim("A1", "{level}", of="{of}")
    @pytest.mark.parametrize(("level", "of"), [(5, ""), (10, "one cell")])
    def test_small(level, of, judged):
        assert judged(Evidence.exact(0.0, 1, "cells")).holds

    @pytest.mark.published("Llama-3-8B")
    @pytest.mark.claim("A4", "top")
    def test_published(judged):
        assert judged(Evidence.exact(0.5, 1, "cells")).holds
"""


def test_what_is_known_not_to_hold_is_expected_with_its_finding(pytester):
    result = write_suite(pytester, KNOWN).runpytest_inprocess("-rx")
    result.assert_outcomes(xfailed=3)
    result.stdout.fnmatch_lines(["XFAIL *test_small*one cell* - ten fall in one cell"])


def test_findings_on_a_model_count_only_where_nothing_changes_the_figures(pytester):
    result = write_suite(pytester, KNOWN).runpytest_inprocess("--control-draws", "2")
    result.assert_outcomes(failed=2, xfailed=1)


CRASHES = """
    import pytest
    from experiments.judging.verdict import Evidence

    KNOWN_NOT_TO_HOLD = {f"smollm2 A1 5 {of}": "it falls" for of in ("one", "two", "three")}

    def of_a_library():
        assert not "consistent"

    @pytest.fixture
    def broken():
        of_a_library()

    @pytest.mark.claim("A1", "5", of="one")
    def test_before_it_measured(judged):
        of_a_library()
        assert judged(Evidence.exact(0.0, 1, "cells")).holds

    @pytest.mark.claim("A1", "5", of="two")
    def test_beside_what_it_measured(judged):
        judged(Evidence.exact(0.0, 1, "cells"))
        of_a_library()

    @pytest.mark.claim("A1", "5", of="three")
    def test_in_a_fixture(broken, judged):
        assert judged(Evidence.exact(0.0, 1, "cells")).holds

    @pytest.mark.claim("A1", "10", of="four")
    @pytest.mark.xfail(strict=True, reason="expected in its own way")
    def test_that_expects_anything(judged):
        of_a_library()

    @pytest.mark.claim("A1", "10", of="five")
    @pytest.mark.xfail(run=False, reason="not even run")
    def test_that_never_runs(judged):
        assert judged(Evidence.exact(0.0, 1, "cells")).holds

    @pytest.mark.xfail(strict=True, reason="no case of a claim")
    def test_no_case():
        of_a_library()
"""


def test_a_crash_is_no_known_finding(pytester):
    result = write_suite(pytester, CRASHES).runpytest_inprocess("-rfE")
    result.assert_outcomes(failed=3, errors=2, xfailed=1)
    result.stdout.fnmatch_lines(["FAILED *::test_before_it_measured - Asserti*"])


def test_a_case_that_does_not_meet_its_threshold_says_by_how_much(pytester):
    suite = write_suite(pytester, KNOWN.replace("KNOWN_NOT_TO_HOLD", "NOT_KNOWN"))
    result = suite.runpytest_inprocess("-rf")
    result.assert_outcomes(failed=3)
    result.stdout.fnmatch_lines(
        [
            ">*assert judged(Evidence.exact(0.0, 1, *",
            "E*NotHeld: A1 5: accuracy lost *: 0.0 [[]0.0, 0.0[]] points, required ≥ 5.5 points, "
            "counts from 2.8: "
            "NOT_REPRODUCED",
        ]
    )


SMALLER = """
    import pytest
    from ablation.stats.interval import Interval
    from experiments.judging.verdict import Evidence

    KNOWN_TO_BE_SMALLER = {KEYS}

    @pytest.mark.claim("A1", "50", of="{of}")
    @pytest.mark.parametrize(
        ("of", "ends"),
        [("smaller", (0.1, 0.2)), ("refuted", (-0.1, 0.1)), ("open", (0.05, 0.4)),
         ("unknown", (-0.1, 0.4)), ("reproduced", (0.15, 0.3))],
    )
    def test_size(of, ends, judged):
        assert judged(Evidence(sum(ends) / 2, Interval(*ends), 16, "companies")).holds
"""


@pytest.mark.parametrize(
    ("known", "outcomes"),
    [
        # What is left open is neither passed nor failed; what is smaller, a failure unless known.
        ([], {"failed": 2, "passed": 1}),
        (["smaller"], {"failed": 1, "passed": 2}),
        # Known to be smaller, and found something else: refuted, shown, or open.
        (["refuted", "smaller"], {"failed": 1, "passed": 2}),
        (["reproduced"], {"failed": 3}),
        (["open"], {"failed": 3, "passed": 1}),
    ],
)
def test_a_smaller_effect_passes_only_where_it_is_known(pytester, known, outcomes):
    keys = {f"smollm2 A1 50 {of}": "half as large" for of in known}
    suite = write_suite(pytester, SMALLER.replace("{KEYS}", repr(keys)))
    result = suite.runpytest_inprocess("-rf")
    result.assert_outcomes(**outcomes)
    if "open" not in known:
        assert {"1 inconclusive", "1 size_open"} <= {*re.split(", | in ", result.outlines[-1])}


IDLE = """
    import pytest
    from experiments.judging.verdict import Evidence

    KNOWN_NOT_TO_HOLD = {KEYS}

    @pytest.mark.claim("A1", "{level}", of="{of}")
    @pytest.mark.parametrize("level", [5, 10])
    @pytest.mark.parametrize("of", ["one", "two"])
    def test_small(level, of, judged):
        assert judged(Evidence.exact(0.5, 1, "cells")).holds

    @pytest.mark.published("Llama-3-8B")
    @pytest.mark.claim("A4", "top")
    def test_published(judged):
        assert judged(Evidence.exact(0.0, 1, "cells")).holds
"""


def idle_suite(pytester, *keys):
    return write_suite(pytester, IDLE.replace("{KEYS}", repr(dict.fromkeys(keys, "it falls"))))


@pytest.mark.parametrize(
    "key",
    [
        "smollm2 A1 5",  # every case of that part is of a subset
        "smollm2 A1 20 one",
        "smollm2 A1 5 three",
        "Llama-3-8B A4 random",
        "smolm2 A1 5 one",
        "A1 5 one",
    ],
)
def test_a_finding_of_no_case_is_an_error_of_the_collection(pytester, key):
    result = idle_suite(pytester, key).runpytest_inprocess("-k", "nothing")
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.fnmatch_lines([f"*.py: KNOWN_NOT_TO_HOLD has what no case * is: '{key}': *"])


@pytest.mark.slow
def test_a_finding_of_no_case_is_said_by_workers_too(pytester, monkeypatch):
    monkeypatch.delenv("CI", raising=False)  # there pytest repeats the whole of it in its summary
    result = idle_suite(pytester, "smollm2 A1 20 one").runpytest_subprocess("-n", "2")
    assert result.ret != 0
    assert result.stdout.str().count("KNOWN_NOT_TO_HOLD has what no case") == 1


@pytest.mark.parametrize(
    ("key", "arguments"),
    [
        ("smollm2 A1 5 one", ()),
        ("Llama-3-8B A4 top", ("--control-draws", "2")),
        # What this run cannot tell: another model, other cells, not all cases.
        ("gpt2 A1 5 three", ()),
        ("smollm2 A1 5 three", ("--model", "gpt2")),
        ("smollm2 A1 5 three", ("--tokens", "2048")),
        ("smollm2 A1 5 two", ("NODE",)),
    ],
)
def test_findings_of_other_runs_are_left_alone(pytester, key, arguments):
    suite = idle_suite(pytester, key)
    node = next(suite.path.glob("test_*.py")).name + "::test_small[one-5]"
    words = [node if word == "NODE" else word for word in arguments]
    result = suite.runpytest_inprocess("--collect-only", *words)
    assert result.ret == 0


@pytest.mark.slow
@pytest.mark.parametrize("model", ["smollm2", "gpt2"])
def test_every_finding_of_the_suite_is_of_a_case(model):
    """That it would be told otherwise, the tests above show."""
    folders = ("qrhead", "exp10", "methods", "published")
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider"),
            *("--model", model, *(ROOT / "experiments" / folder for folder in folders)),
        ],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert f"test_many_heads_are_cheap_alone[{model}]" in done.stdout


REFUTED = """
    import pytest
    from ablation.stats.interval import Interval
    from experiments.judging.verdict import Evidence

    @pytest.mark.claim("A2", of="one cell")
    def test_drop(judged):
        assert judged(Evidence(ESTIMATE, Interval(LOW, HIGH), 16, "companies")).holds
"""


def test_what_stored_evidence_of_such_a_run_refutes_is_known(pytester):
    refuted = REFUTED.replace("ESTIMATE", "-0.1").replace("LOW", "-0.2").replace("HIGH", "-0.05")
    suite = write_suite(pytester, refuted)
    options = ("--control-draws=20", "--claims-json=baselines/claims/larger.json")
    suite.runpytest_inprocess(*options).assert_outcomes(failed=1)
    again = suite.runpytest_inprocess("--control-draws=20", "-rx")
    again.assert_outcomes(xfailed=1)
    again.stdout.fnmatch_lines(["XFAIL * stored evidence of such a run: NOT_REPRODUCED"])
    # It says nothing of other runs, and a claim that holds now has moved.
    suite.runpytest_inprocess("--control-draws=30").assert_outcomes(failed=1)
    suite.runpytest_inprocess().assert_outcomes(failed=1)
    held = REFUTED.replace("ESTIMATE", "0.3").replace("LOW", "0.25").replace("HIGH", "0.35")
    suite.makepyfile(held)
    suite.runpytest_inprocess("--control-draws=20").assert_outcomes(failed=1)


def test_a_verdict_on_a_subset_that_moved_fails_the_run(pytester):
    held = REFUTED.replace("ESTIMATE", "0.3").replace("LOW", "0.25").replace("HIGH", "0.35")
    suite = write_suite(pytester, held)
    assert suite.runpytest_inprocess("--claims-json=baselines/claims/one.json").ret == 0
    suite.makepyfile(held.replace("0.25", "-0.25"))
    result = suite.runpytest_inprocess()
    assert result.ret == 1
    result.stdout.fnmatch_lines(
        ["VERDICT MOVED: A2 embedded smollm2 of one cell: REPRODUCED → INCONCLUSIVE"]
    )
