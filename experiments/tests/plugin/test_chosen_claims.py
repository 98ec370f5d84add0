"""Cases chosen by the claim they judge, through a pytest of its own."""

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from experiments.claims import CLAIMS
from experiments.plugin.claims.chosen import with_claims
from experiments.tests.plugin.claims_suite import write_suite

ROOT = Path(__file__).parents[3]

CASES = """
    import pytest
    from experiments.judging.verdict import Evidence

    FOUND = Evidence.exact(0.3, 16, "companies")

    @pytest.mark.claim("A1", "{level}", of="{cell}")
    @pytest.mark.parametrize("cell", ["inc_state", "inc_year"])
    @pytest.mark.parametrize("level", [5, 10])
    def test_gap(level, cell, judged):
        assert judged(FOUND).holds

    @pytest.mark.claim("B3")
    def test_cheap(judged):
        assert judged(Evidence.exact(0.9, 16, "heads")).holds

    @pytest.mark.published("Llama-3-8B")
    @pytest.mark.claim("A2")
    def test_a1_is_in_the_name(judged):
        assert judged(FOUND).holds

    @pytest.mark.parametrize("text", ["A1", "claim A1", "A10"])
    def test_no_case(text):
        pass
"""
SIZE = 9


@pytest.fixture
def chosen(pytester):
    """Runs the suite: how many cases passed, with the result."""
    suite = write_suite(pytester, CASES)

    def run(*arguments):
        result = suite.runpytest_inprocess("-p", "no:cacheprovider", *arguments)
        outcomes = {} if result.ret == pytest.ExitCode.USAGE_ERROR else result.parseoutcomes()
        return outcomes.get("passed", 0), result

    return run


@pytest.mark.parametrize(
    ("arguments", "count"),
    [
        (["-k", "A1"], 4),
        (["-k", "a1"], 4),
        (["-k", "A2"], 1),
        (["-k", "A10"], 1),
        (["-k", "A1 or B3"], 5),
        (["-k", "A1 and inc_state"], 2),
        (["-k", "(A1)and not(inc_state)"], 2),
        (["-k", "not A1"], SIZE - 4),
        (["-k", "gap or no_case"], 7),
        (["-k", "A1_is"], 1),
        ([], SIZE),
        (["--claim", "A1,B3"], 5),
        (["--claim", "a1,b3"], 5),
        (["--claim", "A1", "--claim", "B3, A2"], 6),
        (["--claim", "A1", "-k", "inc_state"], 2),
        (["--claim", "A1,B3", "-k", "B3 or A2"], 1),
        (["--claim", "A1", "-k", "B3"], 0),
        (["--claim", "A1", "-m", "published"], 0),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_claims_choose_their_cases_and_no_others(chosen, arguments, count):
    passed, result = chosen(*arguments)
    assert (passed, result.ret) == (count, 0 if count else 5)
    assert passed + result.parseoutcomes().get("deselected", 0) == SIZE


@pytest.mark.slow
def test_workers_choose_the_same_cases(chosen):
    passed, _ = chosen("--claim", "A1,B3", "-k", "A1 or A2", "-n", "2")
    assert passed == 4


def test_an_unknown_claim_is_one_line_with_those_that_are_known(chosen):
    for arguments in ((), ("-n", "2")):
        _, result = chosen("--claim", "A1,A10", *arguments)
        assert result.ret == 4
        (line,) = filter(None, result.errlines)
        assert line.startswith("ERROR: --claim: unknown claim 'A10': give one or more of A1, A2, ")
        assert line.endswith("B8, with commas between")


def test_an_expression_that_finds_nothing_names_claims_that_are_none(chosen):
    _, result = chosen("-k", "a44 and not A1 or B99")
    assert result.ret == 5
    (line,) = (line for line in result.outlines if line.startswith("-k: "))
    assert line.startswith("-k: no claim is called a44, B99: claims are A1, A2, ")
    for arguments in (("-k", "A1 and B3"), ("-k", "B3 or B99")):
        _, result = chosen(*arguments)
        result.stdout.no_fnmatch_line("-k: *")


def test_a_claim_without_a_case_is_one_line_with_the_remedy(chosen):
    _, result = chosen("--claim", "A1,A5")
    assert result.ret == 4
    (line,) = filter(None, result.errlines)
    assert line == (
        "ERROR: --claim: no case of A5 was collected: give pytest the whole checkout (headclaims "
        "claims A5 --run prints the command), or, for a new claim, mark a case with "
        '@pytest.mark.claim("A5")'
    )


@pytest.mark.slow
def test_a_claim_without_a_case_is_said_once_by_all_workers(chosen):
    _, result = chosen("--claim", "A5", "-n", "2")
    assert result.ret != 0
    assert result.stdout.str().count("\n--claim: no case of A5 was collected: ") == 1


def test_a_wrong_expression_is_quoted_as_it_was_given(chosen):
    _, result = chosen("-k", "A1 and")
    (line,) = filter(None, result.errlines)
    assert line.startswith("ERROR: Wrong expression passed to '-k': A1 and: expected not OR")


def test_only_whole_words_of_an_expression_are_claims():
    assert with_claims("not (a1 or B3)") == "not ([[A1]] or [[B3]])"
    for expression in ("A10 or A1x", "qrhead and A1/b", "", "[[A1]]"):
        assert with_claims(expression) == expression


@pytest.mark.slow
def test_the_command_of_a_claim_collects_its_cases_from_any_folder(headclaims, tmp_path):
    status, out, _ = headclaims("claims", "A4", "--run")
    assert status == 0
    words = shlex.split(out)
    assert words[0] == "pytest"
    # The rest of the checkout has no such case, and takes seconds to import.
    others = ("ablation", "experiments/[!p]*", "experiments/*/test_[!t]*")
    words += [f"--ignore-glob={ROOT / folder}" for folder in others]
    done = subprocess.run(
        [sys.executable, "-m", *words, "--collect-only", "-q", "-p", "no:cacheprovider"],
        cwd=tmp_path, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    collected = [line for line in done.stdout.splitlines() if "::" in line]
    assert {line.split("::")[0] for line in collected} == {
        "experiments/published/test_table_against_files.py"
    }


def test_the_command_of_claims_on_a_model_has_workers(headclaims, monkeypatch):
    monkeypatch.chdir(ROOT)
    assert headclaims("claims", "A1", "B3", "--run")[1] == "pytest -k 'A1 or B3' -n 4\n"
    assert headclaims("claims", "A4", "--run")[1] == "pytest -k A4\n"


def test_a_command_needs_a_claim_and_a_checkout(headclaims, monkeypatch, tmp_path):
    status, out, err = headclaims("claims", "--run")
    assert (status, out) == (2, "")
    assert err.startswith("Error: --run needs the id of a claim: give one or more of A1, A2")
    assert err.count("\n") == 1
    monkeypatch.setattr("experiments.judging.stored_evidence.CHECKOUT", tmp_path)
    status, out, err = headclaims("claims", "A1", "--run")
    assert (status, out) == (2, "")
    assert "this installation is none: clone the repository" in err
    assert err.count("\n") == 1


def test_every_id_can_be_a_word_of_an_expression():
    for claim in CLAIMS:
        assert with_claims(claim) != claim
