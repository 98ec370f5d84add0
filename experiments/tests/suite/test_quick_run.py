"""The quick run of the tests: which cases it leaves out, and when it does not."""

import pytest

from ablation.tests.support.quick_run import MOST

MANY, CLAIMS = 3 * MOST, 2 * MOST
EVERY = MANY + CLAIMS + 2


@pytest.fixture
def suite(pytester):
    """Tests of ours, one of them slow, and cases of claims."""
    parametrized = 'import pytest\n@pytest.mark.parametrize("n", range({}))\ndef test_{}(n): pass\n'
    slow = "@pytest.mark.slow\ndef test_slow(): pass\ndef test_quick(): pass\n"
    (pytester.mkdir("tests") / "test_ours.py").write_text(parametrized.format(MANY, "many") + slow)
    pytester.makepyfile(test_claims=parametrized.format(CLAIMS, "claim"))
    return pytester


def names(suite, *options):
    """The cases that a run takes, by name."""
    plugins = ("-p", "ablation.tests.support.quick_run", "-p", "no:cacheprovider", "-v")
    result = suite.runpytest_subprocess(*plugins, *options)
    assert result.ret == 0
    return {line.split()[0] for line in result.outlines if line.endswith("%]")}


@pytest.mark.slow
def test_a_quick_run_takes_a_sample_of_ours_and_every_claim(suite):
    taken = names(suite, "--sample-seed", "a")
    assert len(taken) == MOST + CLAIMS + 1
    assert not any("test_slow" in name for name in taken)
    assert names(suite, "--sample-seed", "a") == taken
    others = names(suite, "--sample-seed", "b")
    assert len(others) == len(taken)
    assert others != taken


@pytest.mark.parametrize(
    ("options", "number"),
    [
        (["--thorough"], EVERY),
        (["-k", "many or slow"], MANY + 1),
        (["tests"], MANY + 2),
        (["tests/test_ours.py::test_slow"], 1),
    ],
)
def test_whoever_chooses_has_all(suite, options, number):
    assert len(names(suite, *options)) == number


@pytest.mark.slow
def test_workers_take_the_same_sample(suite):
    pytest.importorskip("xdist", reason="needs xdist: pip install -e .")
    result = suite.runpytest_subprocess("-p", "ablation.tests.support.quick_run", "-n", "2")
    result.assert_outcomes(passed=MOST + CLAIMS + 1)
