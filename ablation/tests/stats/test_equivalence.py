"""Two one-sided t tests, against a closed form, the t interval and the spread-less limit."""

import math

import numpy as np
import pytest
import scipy

from ablation.errors import InvalidInput
from ablation.stats.equivalence import tost

hypothesis = pytest.importorskip("hypothesis", reason="needs hypothesis: pip install -e '.[test]'")
st = pytest.importorskip("hypothesis.strategies")

SETTINGS = hypothesis.settings(deadline=None, derandomize=True)

DIFFERENCES = st.lists(st.integers(-50, 50).map(lambda x: x / 100), min_size=2, max_size=20)


def two_degrees(t):
    """P(T ≤ t) with two degrees of freedom, in closed form."""
    return 0.5 + t / (2 * math.sqrt(2 + t**2))


def test_three_units_by_hand():
    # Mean 0.01, standard deviation 0.01, so s = 0.01/√3 and t = −4·√3 at the upper margin.
    found = tost([0.0, 0.01, 0.02], 0.05)
    assert found.p == pytest.approx(two_degrees(-4 * math.sqrt(3)))
    assert found.p == pytest.approx(0.010102, abs=1e-6)
    reach = 2.919986 * 0.01 / math.sqrt(3)  # Student's table, two degrees, one-sided 5%
    assert found.interval == pytest.approx((0.01 - reach, 0.01 + reach), abs=1e-8)
    assert (found.estimate, found.margin, found.n) == (pytest.approx(0.01), 0.05, 3)


@SETTINGS
@hypothesis.given(differences=DIFFERENCES, margin=st.floats(0.01, 0.5))
def test_p_is_the_larger_of_two_one_sided_tests(differences, margin):
    hypothesis.assume(len(set(differences)) > 1)
    above = scipy.stats.ttest_1samp(differences, -margin, alternative="greater").pvalue
    below = scipy.stats.ttest_1samp(differences, margin, alternative="less").pvalue
    assert tost(differences, margin).p == pytest.approx(max(above, below), abs=1e-9)


@SETTINGS
@hypothesis.given(differences=DIFFERENCES, margin=st.floats(0.01, 0.5), alpha=st.floats(0.01, 0.2))
def test_equivalent_is_when_the_interval_lies_inside_the_margin(differences, margin, alpha):
    found = tost(differences, margin, alpha=alpha)
    hypothesis.assume(abs(found.p - alpha) > 1e-9)
    inside = -margin < found.interval.low and found.interval.high < margin
    assert (found.p < alpha) == inside
    if len(set(differences)) > 1:
        t_interval = scipy.stats.ttest_1samp(differences, 0).confidence_interval(1 - 2 * alpha)
        assert found.interval == pytest.approx(tuple(t_interval), abs=1e-9)


@SETTINGS
@hypothesis.given(differences=DIFFERENCES, margin=st.floats(0.01, 0.5))
def test_the_sign_does_not_matter(differences, margin):
    mirrored = tost([-x for x in differences], margin)
    assert mirrored.p == pytest.approx(tost(differences, margin).p, abs=1e-12)


@pytest.mark.parametrize(("value", "p"), [(0.0, 0), (0.1, 0), (-0.2, 1), (0.3, 1)])
def test_differences_without_spread_are_inside_the_margin_or_not(value, p):
    # 0.2 is the margin itself: not inside. Sums of 0.1 and of 0.3 are off by rounding.
    found = tost(np.full(7, value), 0.2)
    assert (found.p, found.estimate) == (p, value)
    assert found.interval == (value, value)


def test_too_few_units_are_refused():
    with pytest.raises(InvalidInput, match="at least 2 independent units, got 1"):
        tost([0.1], 0.2)


@pytest.mark.parametrize("margin", [0.0, -0.1, math.inf, math.nan])
def test_a_margin_is_above_zero(margin):
    with pytest.raises(InvalidInput, match=f"margin above 0 is required, got {margin}"):
        tost([0.1, 0.2], margin)


@pytest.mark.parametrize("wrong", [math.nan, -math.inf])
def test_differences_are_finite(wrong):
    with pytest.raises(InvalidInput, match=f"finite differences, got {wrong}"):
        tost([0.1, wrong], 0.2)


@pytest.mark.parametrize("alpha", [0.0, 0.5, 5.0])
def test_an_alpha_is_below_a_half(alpha):
    with pytest.raises(InvalidInput, match=f"between 0 and 0.5, both excluded, .* got {alpha}"):
        tost([0.1, 0.2], 0.2, alpha=alpha)
