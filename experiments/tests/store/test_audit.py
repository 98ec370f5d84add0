"""An audit computes a sample of a bundle anew, and finds what is wrong with it."""

import zipfile
from typing import Any

import numpy as np
import pytest

from ablation.errors import InvalidInput
from experiments.judging.stored_evidence import CHECKOUT
from experiments.pages.readmes.tables.bundle import BUNDLE as NAME
from experiments.plugin.bundles import sample_size
from experiments.store.audit.measures import ANYTHING, MEASURES
from experiments.store.audit.power import chance_to_find, units_to_find
from experiments.store.bundle import read_bundle
from experiments.tests.store.made_up_study import Study

BUNDLE = CHECKOUT / NAME


@pytest.fixture
def study(pytester, monkeypatch):
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("HEADCLAIMS_STORE", str(pytester.path / "store"))
    found = Study(pytester)
    result = found.run(f"--export-bundle={found.bundle}")
    result.assert_outcomes(passed=4)
    result.stdout.fnmatch_lines(["8 results behind *bundle.zip*"])
    monkeypatch.setenv("HEADCLAIMS_STORE", str(pytester.path / "empty"))
    return found


def test_cases_judge_from_a_bundle_and_compute_what_it_lacks(study):
    study.run(f"--bundle={study.bundle}").assert_outcomes(passed=4)
    assert study.computed == []
    study.run(f"--bundle={study.bundle}", engine="layerwise 2").assert_outcomes(passed=4)
    assert len(study.computed) == 8


def test_a_sound_bundle_passes_and_only_the_sample_is_computed(study):
    result = study.audit("3")
    assert result.ret == 0
    assert len(study.computed) == 3
    result.stdout.fnmatch_lines(
        [
            "3 of 8 units computed anew*",
            "answer: *",
            "ranking: *",
            "were 1 of 8 units wrong, a sample of 3 would find one with a probability of 16.7% at "
            "least; 8 would with 95%",
        ]
    )


@pytest.mark.slow
def test_what_a_sample_finds_is_what_samples_find():
    bundle = read_bundle(BUNDLE)
    answers = [digest for digest, place in bundle.digests.items() if place.kind == "answer"]
    wrong = set(answers[::60])  # some 36
    found = np.mean([bool(bundle.sample(40, str(seed)) & wrong) for seed in range(300)])
    chance = chance_to_find(len(bundle), len(bundle.documents), len(wrong), 40)
    # By chance three standard errors less, or more for the units drawn of each kind in any case.
    assert -0.08 < found - chance < 0.12


@pytest.mark.parametrize(
    ("total", "kinds", "wrong"),
    [(2, 1, 1), (8, 2, 1), (100, 1, 1), (3599, 8, 36), (9, 8, 2), (10**6, 1, 10**4)],
)
def test_the_units_that_find_one_are_the_fewest(total, kinds, wrong):
    found = units_to_find(total, kinds, wrong)
    assert chance_to_find(total, kinds, wrong, found) >= 0.95
    assert found == kinds or chance_to_find(total, kinds, wrong, found - 1) < 0.95


def test_one_wrong_in_a_hundred_takes_some_300_units():
    # The well-known ln(0.05) / ln(0.99) = 298.1, without end.
    assert units_to_find(10**6, 0, 10**4) == 299


def test_a_wrong_one_among_what_is_drawn_in_any_case_is_found():
    assert chance_to_find(9, 8, 2, 8) == 1


@pytest.mark.slow
def test_processes_audit_together(study, monkeypatch):
    result = study.run(f"--bundle={study.bundle}", "--audit=5", "-n", "2")
    assert result.ret == 0
    assert len(study.computed) == 5
    result.stdout.fnmatch_lines(["5 of 8 units computed anew*"])


def test_one_changed_answer_is_found(study):
    study.edit(lambda result: result.update(answer="Iowa"))
    result = study.audit()
    assert result.ret == 1
    result.stdout.fnmatch_lines(["answer: 4 units*at most 1 *", "DIFFERENT: answer *"])


def test_scores_beyond_the_tolerance_are_found(study):
    assert study.audit(score=1.0001).ret == 0
    result = study.audit(score=1.001)
    assert result.ret == 1
    result.stdout.fnmatch_lines(["DIFFERENT: ranking *"])


def test_a_changed_document_with_the_old_checksum_is_found(study):
    data = bytearray(study.bundle.read_bytes())
    with zipfile.ZipFile(study.bundle) as file:
        info = file.infolist()[0]
    data[info.header_offset + 120] ^= 1
    study.bundle.write_bytes(data)
    result = study.audit()
    assert result.ret != 0
    assert "get the bundle again" in result.stdout.str() + result.stderr.str()


@pytest.mark.parametrize("change", [{"model": "cd"}, {"engine": "layerwise 2"}])
def test_a_bundle_of_another_model_or_engine_is_found(change, study):
    result = study.audit("3", **change)
    assert result.ret == 1
    assert study.computed == []
    result.stdout.fnmatch_lines(["NOT ASKED FOR: 3 sampled units*"])


def test_a_failed_run_writes_no_bundle(study, pytester):
    pytester.makepyfile(test_failing="def test_failing():\n    assert False\n")
    other = pytester.path / "other.zip"
    result = study.run(f"--export-bundle={other}")
    result.stdout.fnmatch_lines(["NOT WRITTEN: *the run has failed"])
    assert not other.exists()


@pytest.mark.parametrize(("ending", "written"), [("", True), ("raise KeyError('broken')", False)])
def test_a_refuted_claim_is_in_a_bundle_and_a_broken_case_is_not(study, pytester, ending, written):
    conftest = pytester.path / "conftest.py"
    more = [
        f"experiments.plugin.{name}"
        for name in ("claims.markers", "claims.chosen", "claims.judged", "claims.table")
    ]
    conftest.write_text(conftest.read_text().replace("= [", f"= {more} + ["))
    pytester.makepyfile(
        test_claim=f"""
        import pytest
        from experiments.judging.verdict import Evidence

        @pytest.mark.claim("A5")
        def test_refuted(judged):
            found = judged(Evidence.exact(1.0, 1, "heads"))
            {ending}
            assert found.holds
        """
    )
    other = pytester.path / "other.zip"
    result = study.run(f"--export-bundle={other}")
    assert result.ret == 1
    assert other.exists() == written


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--audit=3"], "--audit goes with --bundle FILE"),
        (["--bundle=no.zip"], "no such file"),
        (["--bundle=setting.json"], "no bundle"),
        (["--bundle=bundle.zip", "--fresh"], "--fresh computes all anew"),
        (["--bundle=bundle.zip", "--audit=some"], "a number of units or a share such as 3%"),
        (["--bundle=bundle.zip", "--audit=0"], "a number of units or a share such as 3%"),
    ],
)
def test_options_that_do_not_fit_are_refused_in_one_line(options, message, study):
    result = study.run(*options)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: *{message}*"])


def test_a_sample_is_a_number_or_a_share():
    assert [sample_size(text, 1000) for text in ("1", "2000", "3%", "0.01%", "100%")] == [
        1, 1000, 30, 1, 1000,
    ]  # fmt: skip
    for text in ("", "%", "0%", "101%", "-1", "nan%", "inf%", "1.5"):
        with pytest.raises(InvalidInput, match="share such as 3%"):
            sample_size(text, 1000)


PAIRS: dict[str, tuple[Any, Any, float]] = {
    "answer": ({"answer": "a"}, {"answer": "b"}, 1),
    "perplexity": (
        {"block_nll_sums": [[100.0]], "block_counts": [[64]]},
        {"block_nll_sums": [[101.0]], "block_counts": [[64]]},
        1 / 101,
    ),
    "ranking": (
        {"head_rankings": [{"head": "L0H0", "score": 4.0}, {"head": "L0H1", "score": 1.0}]},
        {"head_rankings": [{"head": "L0H1", "score": 2.0}, {"head": "L0H0", "score": 4.0}]},
        0.25,
    ),
    "scores": ({"scores": [[4.0, 1.0]]}, {"scores": [[4.0, 2.0]]}, 0.25),
    "penetration": ({"g": [0.0, 0.5, 1.0]}, {"g": [0.0, 0.25, 1.0]}, 0.25),
    "retrieval": ({"ranks": {"top": 1, "other": 4}}, {"ranks": {"top": 1, "other": 3}}, 0.5),
    "contribution": (
        {"heads": [{"head": "L0H0", "contribution": 2.0, "left": 0.0, "beside": 1e-7}]},
        {"heads": [{"head": "L0H0", "contribution": 1.0, "left": 0.0, "beside": 3e-7}]},
        0.5,
    ),
    "noise": ({"noise": 0.0}, {"noise": 0.25}, 0.25),
}


@pytest.mark.parametrize("kind", MEASURES)
def test_a_difference_is_what_its_kind_says(kind):
    first, second, difference = PAIRS[kind]
    measure = MEASURES[kind]
    assert measure.of(first, first) == 0
    assert measure.of(first, second) == pytest.approx(difference)
    assert measure.of(first, second) > measure.tolerance


def test_results_of_unknown_kinds_differ_in_any_number_or_word():
    result = {"a": [1.0, {"b": "c"}], "n": 2}
    assert ANYTHING.of(result, {"a": [1.0, {"b": "c"}], "n": 2}) == 0
    assert ANYTHING.of(result, {"a": [2.0, {"b": "c"}], "n": 2}) == 0.5
    for other in ({"a": [1.0], "n": 2}, {"a": [1.0, {"b": "d"}], "n": 2}, {"n": 2}, {}):
        assert ANYTHING.of(result, other) > ANYTHING.tolerance
