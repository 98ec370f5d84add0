"""Counts, shares and layers of a made-up sweep, to the figure."""

import math

import pytest

from ablation.heads import Head, HeadGrid
from ablation.metrics.perplexity import Perplexity
from experiments.exp10.evidence import law_of_the_tail, rank_exponent
from experiments.exp10.measured.individual import Sweep
from experiments.exp10.ranking import layers, rank_size, statistics_of

DELTAS = [[0.5, -0.02, 0.1001], [0.005, -0.009, 0.099], [0.02, 0.0, 0.0101]]
"""Three layers of three heads."""


def of_ratio(ratio):
    return Perplexity(((10 * math.log(20 * ratio),),), ((10,),))


@pytest.fixture
def sweep():
    ablated = {
        Head(layer, head): of_ratio(1 + delta)
        for layer, deltas in enumerate(DELTAS)
        for head, delta in enumerate(deltas)
    }
    return Sweep(of_ratio(1), ablated)


def test_counts_are_of_magnitudes(sweep):
    found = statistics_of(sweep)
    assert found["total"] == 9
    assert found["abs_below_1pct"] == 3
    assert found["abs_below_10pct"] == 7
    assert found["negative"] == 2
    assert found["mean"] == pytest.approx(0.7052 / 9)
    assert found["median"] == pytest.approx(0.0101)
    assert (found["max"], found["max_head"]) == (pytest.approx(0.5), "L0H0")


def test_layers_have_mean_largest_and_share_of_magnitudes(sweep):
    rows, total = layers(sweep, HeadGrid.even(3, 3)), 0.7632
    assert [row["layer"] for row in rows] == [0, 1, 2]
    assert [row["mean"] for row in rows] == pytest.approx([0.5801 / 3, 0.095 / 3, 0.0301 / 3])
    assert [row["max"] for row in rows] == pytest.approx([0.5, 0.099, 0.02])
    assert [row["share"] for row in rows] == pytest.approx(
        [0.6201 / total, 0.113 / total, 0.0301 / total]
    )


def test_shares_of_the_largest_and_each_heads_weight_in_the_fit(sweep):
    found = rank_size(sweep)
    assert found["top_shares"] == {
        "1": pytest.approx(0.5 / 0.7632),
        "5": pytest.approx(0.7391 / 0.7632),
        "10": pytest.approx(1),
    }
    assert 0.7 < found["gini"] < 0.8
    without = found["linear_alpha_without"]
    assert len(without["by_head"]) == 9
    assert without["lowest"]["alpha"] == min(without["by_head"].values())
    assert without["highest"]["alpha"] == max(without["by_head"].values())
    assert found["linear"]["scale"] == pytest.approx(0.5, rel=0.02)


def test_the_law_of_the_tail_is_asked_for_and_said(sweep):
    found = rank_size(sweep)
    assert 0 <= found["goodness_of_fit"] <= 1
    assert found["compared"].keys() == {"lognormal", "exponential"}
    note = rank_exponent(sweep, found).note
    assert "a power law of the 8 largest is not ruled out (p = " in note
    assert "lognormal fits as well (p = " in note
    none = law_of_the_tail({**found, "goodness_of_fit": 0.0})
    assert "is ruled out (p < 0.001)" in none


def test_what_cannot_be_fitted_says_so_and_keeps_its_shares():
    heads = {Head(0, 0): of_ratio(1.5), Head(0, 1): of_ratio(1)}
    found = rank_size(Sweep(of_ratio(1), heads))
    assert found["no_fit"].startswith("a rank-size fit needs at least")
    assert found["top_shares"]["1"] == 1
    assert found.keys() == {"no_fit", "top_shares", "gini"}
