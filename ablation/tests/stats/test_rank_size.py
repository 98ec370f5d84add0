"""Fits and measures of inequality, against known values."""

import numpy as np
import pytest

from ablation.errors import InvalidInput
from ablation.stats.rank_size import (
    gini,
    leave_one_out,
    linear_fit,
    log_log_fit,
    top_share,
)

RANKS = np.arange(1, 145)
LAW = (2.35 * RANKS**-1.37).tolist()

PUBLISHED_TOP = [2.365, 0.734, 0.678, 0.547, 0.247, 0.159, 0.156, 0.131, 0.072, 0.072]
"""The ten largest |ΔPPL| of the exp10 study."""


@pytest.mark.parametrize("fit", [linear_fit, log_log_fit])
def test_a_power_law_is_found_exactly(fit):
    assert fit(LAW).alpha == pytest.approx(1.37, rel=1e-6)
    assert fit(LAW).scale == pytest.approx(2.35, rel=1e-6)


def test_neither_order_nor_sign_nor_zeros_matter():
    shuffled = [*(-x for x in LAW[::2]), 0.0, *LAW[1::2]]
    assert linear_fit(shuffled).alpha == pytest.approx(1.37, rel=1e-6)


def test_the_three_fits_differ_on_the_figures_of_gpt2():
    # The study gives 1.37 from all 144; these are its ten largest.
    assert linear_fit(PUBLISHED_TOP).alpha == pytest.approx(1.3456, abs=1e-4)
    assert log_log_fit(PUBLISHED_TOP).alpha == pytest.approx(1.5147, abs=1e-4)


def test_the_largest_decides_the_linear_fit():
    without = leave_one_out(PUBLISHED_TOP)
    assert without[0] == pytest.approx(0.7805, abs=1e-4)
    assert min(without[1:]) > 1.3
    assert without[0] == linear_fit(PUBLISHED_TOP[1:]).alpha


def test_alpha_stays_within_the_studys_bounds():
    assert linear_fit([1.0, 1e-9, 1e-9, 1e-9]).alpha == pytest.approx(5.0)
    assert linear_fit([1.0, 1.0, 1.0, 1.0]).alpha == pytest.approx(0.01)


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ([1.0, 1.0, 1.0, 1.0], 0),
        ([0.0, 0.0, 0.0, 5.0], 0.75),
        ([1.0, 2.0, 3.0, 4.0], 0.25),
        ([-4.0, 2.0, -3.0, 1.0], 0.25),
        ([0.0], 0),
    ],
)
def test_gini(sizes, expected):
    assert gini(sizes) == pytest.approx(expected)


def test_the_share_of_the_largest():
    assert top_share([1.0, -7.0, 2.0], 1) == pytest.approx(0.7)
    assert top_share([1.0, -7.0, 2.0], 5) == 1
    assert top_share([0.0, 0.0], 1) == 0


def test_too_few_sizes_are_refused():
    for fit in (linear_fit, log_log_fit):
        with pytest.raises(InvalidInput, match="at least 3 sizes that are not zero, got 2"):
            fit([1.0, 0.0, 2.0])
