"""The quick run of the tests: which cases it leaves out, and when it does not."""

import re

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
        (["--every-case"], EVERY),
        (["-k", "many or slow"], MANY + 1),
        (["tests"], MANY + 2),
        (["tests/test_ours.py::test_slow"], 1),
    ],
)
def test_whoever_chooses_has_all(suite, options, number):
    assert len(names(suite, *options)) == number


PRODUCT = """
import pytest
@pytest.mark.parametrize("letter", "abcd")
@pytest.mark.parametrize(("number", "word"), [(1, "one"), (2, "two"), (3, "three")])
@pytest.mark.parametrize("sign", "+-")
def test_product(letter, number, word, sign): pass

@pytest.mark.parametrize("letter", "abcd")
@pytest.mark.parametrize("sign", "+-")
def test_pairs(letter, sign): pass
"""


@pytest.mark.slow
def test_of_long_products_every_two_values_meet(suite):
    (suite.path / "tests" / "test_product.py").write_text(PRODUCT, encoding="utf-8")
    every, taken, others = (
        {name for name in names(suite, *options) if "test_product" in name}
        for options in (["--every-case"], ["--thorough"], ["--thorough", "--sample-seed", "b"])
    )
    pairs = {name for name in every if "test_pairs" in name}
    assert pairs < taken < every
    assert others != taken
    cases = [re.findall(r"\[(.)-(\d)-\w+-(.)]", name)[0] for name in taken - pairs]
    for one, two, different in ((0, 1, 6), (1, 2, 12), (0, 2, 8)):
        assert len({(case[one], case[two]) for case in cases}) == different


@pytest.mark.slow
def test_workers_take_the_same_sample(suite):
    pytest.importorskip("xdist", reason="needs xdist: pip install -e .")
    result = suite.runpytest_subprocess("-p", "ablation.tests.support.quick_run", "-n", "2")
    result.assert_outcomes(passed=MOST + CLAIMS + 1)
