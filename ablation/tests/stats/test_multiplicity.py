"""Adjusted p-values, against published examples and their definitions."""

import math

import numpy as np
import pytest

from ablation.errors import InvalidInput
from ablation.stats.multiplicity import benjamini_hochberg, holm

hypothesis = pytest.importorskip("hypothesis", reason="needs hypothesis: pip install -e '.[test]'")
st = pytest.importorskip("hypothesis.strategies")

SETTINGS = hypothesis.settings(deadline=None, derandomize=True)

P_VALUES = st.lists(st.floats(0, 1), max_size=30)

THROMBOLYSIS = [
    *(0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459),
    *(0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0),
]
"""The 15 p-values of Benjamini & Hochberg 1995, section 4.1."""


def test_holm_by_hand():
    # 4·0.005, 3·0.01, 2·0.03, then 1·0.04, which may not be below the one before it.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_benjamini_hochberg_by_hand():
    # 4·0.005/1 and 4·0.01/2, then 4·0.03/3 and 4·0.04/4.
    assert benjamini_hochberg([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.02, 0.04, 0.04, 0.02])


def test_the_printed_example_rejects_four_or_three():
    found = np.array(benjamini_hochberg(THROMBOLYSIS))
    assert (found <= 0.05).sum() == 4
    assert found[3:5] == pytest.approx([0.0095 * 15 / 4, 0.0201 * 15 / 5])
    assert (np.array(holm(THROMBOLYSIS)) <= 0.05).sum() == 3


@SETTINGS
@hypothesis.given(p_values=P_VALUES, alpha=st.floats(0.001, 0.5))
def test_holm_rejects_what_the_step_down_procedure_rejects(p_values, alpha):
    rejected = set()
    for step, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        if (len(p_values) - step) * p_values[index] > alpha:
            break
        rejected.add(index)
    assert {i for i, p in enumerate(holm(p_values)) if p <= alpha} == rejected


@SETTINGS
@hypothesis.given(p_values=P_VALUES)
def test_benjamini_hochberg_is_its_definition(p_values):
    ordered = sorted(p_values)
    m = len(ordered)
    expected = {
        p: min(1.0, *(m * later / (j + 1) for j, later in enumerate(ordered) if later >= p))
        for p in ordered
    }
    assert benjamini_hochberg(p_values) == pytest.approx([expected[p] for p in p_values])


@pytest.mark.parametrize("adjust", [holm, benjamini_hochberg])
@SETTINGS
@hypothesis.given(p_values=P_VALUES)
def test_adjusting_keeps_the_order_and_never_lowers(adjust, p_values):
    adjusted = adjust(p_values)
    assert all(p <= q * (1 + 1e-12) <= 1 + 1e-9 for p, q in zip(p_values, adjusted, strict=True))
    by_p = [adjusted[i] for i in sorted(range(len(p_values)), key=p_values.__getitem__)]
    assert by_p == sorted(by_p)


@pytest.mark.parametrize("adjust", [holm, benjamini_hochberg])
def test_none_in_none_out(adjust):
    assert adjust([]) == []
    assert adjust(np.array([0.2])) == [0.2]


@pytest.mark.parametrize("adjust", [holm, benjamini_hochberg])
@pytest.mark.parametrize("wrong", [-0.1, 1.5, math.nan])
def test_what_is_no_p_value_is_refused(adjust, wrong):
    with pytest.raises(InvalidInput, match=f"from 0 to 1 are required, got {wrong}"):
        adjust([0.5, wrong])
