"""Wilson's interval and McNemar's test, against published values and written-out sums."""

import math

import pytest
import scipy

from ablation.errors import InvalidInput
from ablation.stats.proportions import mcnemar, wilson_interval

hypothesis = pytest.importorskip("hypothesis", reason="needs hypothesis: pip install -e '.[test]'")
st = pytest.importorskip("hypothesis.strategies")

SETTINGS = hypothesis.settings(deadline=None, derandomize=True)

COUNT = st.integers(0, 40)


@pytest.mark.parametrize(
    ("correct", "total", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_is_as_printed(correct, total, low, high):
    # Newcombe 1998, Statistics in Medicine 17, table I, method 3.
    assert wilson_interval(correct, total) == pytest.approx((low, high), abs=5e-5)


@SETTINGS
@hypothesis.given(data=st.data(), total=st.integers(1, 500), confidence=st.floats(0.5, 0.999))
def test_wilson_is_the_closed_formula(data, total, confidence):
    correct = data.draw(st.integers(0, total))
    p, z = correct / total, scipy.stats.norm.ppf((1 + confidence) / 2)
    centre = p + z**2 / (2 * total)
    reach = z * math.sqrt(p * (1 - p) / total + z**2 / (4 * total**2))
    expected = [(centre + sign * reach) / (1 + z**2 / total) for sign in (-1, 1)]
    low, high = wilson_interval(correct, total, confidence=confidence)
    assert (low, high) == pytest.approx(expected, abs=1e-9)
    assert 0 <= low <= p <= high <= 1


def test_five_lost_and_none_won_is_not_significant():
    assert mcnemar(5, 0) == 0.0625
    assert mcnemar(5, 0, mid_p=True) == 0.03125


def test_mcnemar_is_as_printed():
    # Fagerland, Lydersen & Laake 2013, airway hyper-responsiveness of 21 children: 1 and 7.
    assert mcnemar(1, 7) == pytest.approx(0.070, abs=5e-4)
    assert mcnemar(1, 7, mid_p=True) == pytest.approx(0.039, abs=5e-4)


@SETTINGS
@hypothesis.given(lost=COUNT, won=COUNT)
def test_mcnemar_counts_the_outcomes_as_extreme(lost, won):
    n = lost + won
    chances = {k: math.comb(n, k) / 2**n for k in range(n + 1)}
    beyond = sum(p for k, p in chances.items() if abs(2 * k - n) > abs(lost - won))
    level = sum(p for k, p in chances.items() if abs(2 * k - n) == abs(lost - won))
    assert mcnemar(lost, won) == pytest.approx(beyond + level)
    if n:
        assert mcnemar(lost, won, mid_p=True) == pytest.approx(beyond + level / 2)


@SETTINGS
@hypothesis.given(lost=COUNT, won=COUNT, mid_p=st.booleans())
def test_mcnemar_is_symmetric_and_the_mid_p_smaller(lost, won, mid_p):
    assert mcnemar(lost, won, mid_p=mid_p) == pytest.approx(mcnemar(won, lost, mid_p=mid_p))
    assert 0 < mcnemar(lost, won, mid_p=True) <= mcnemar(lost, won) <= 1


def test_no_change_proves_nothing():
    assert mcnemar(0, 0) == mcnemar(0, 0, mid_p=True) == 1


@pytest.mark.parametrize(("correct", "total"), [(0, 0), (-1, 5), (6, 5)])
def test_impossible_counts_are_refused(correct, total):
    with pytest.raises(InvalidInput, match=f"got {correct} of {total}: check the counts"):
        wilson_interval(correct, total)


def test_negative_changes_are_refused():
    with pytest.raises(InvalidInput, match="got 3 lost and -1 won"):
        mcnemar(3, -1)


@pytest.mark.parametrize("confidence", [0.0, 1.0, 95.0, math.nan])
def test_a_confidence_is_a_fraction(confidence):
    with pytest.raises(InvalidInput, match="write 0.95 for 95%"):
        wilson_interval(3, 5, confidence=confidence)
