"""Removal step by step: the order, the steps, and where thresholds are crossed."""

import math
from types import SimpleNamespace
from typing import Any

import pytest

from ablation.heads import Head
from ablation.metrics.perplexity import Perplexity
from experiments.exp10.measured.cumulative import (
    SIGNED,
    Removal,
    curve_document,
    find_crossings,
    joint_document,
    measure_curve,
    steps_for,
)
from experiments.exp10.measured.evaluations import Evaluations
from experiments.exp10.measured.individual import Sweep

HEADS = [Head(layer, head) for layer in range(8) for head in range(8)]


def of_ratio(ratio):
    return Perplexity(((100 * math.log(20 * ratio),),), ((100,),))


class FakeEvaluations(Evaluations):
    """The ratio depends on the number of heads removed alone: ``ratios(count)``."""

    def __init__(self, ratios):
        self._ratios = ratios
        self.asked = []
        self.setting: Any = SimpleNamespace(tag="fake")

    def perplexity(self, heads):
        heads = list(heads)
        self.asked.append(len(heads))
        return of_ratio(self._ratios(len(heads)))

    def all(self, head_sets):
        return [self.perplexity(heads) for heads in head_sets]


def swept(deltas=None):
    deltas = deltas or [0.001 * (index + 1) for index in range(len(HEADS))]
    ablated = {head: of_ratio(1 + delta) for head, delta in zip(HEADS, deltas, strict=True)}
    return Sweep(of_ratio(1), ablated)


def crossings(ratios, threshold):
    evaluations = FakeEvaluations(ratios)
    curve = measure_curve(evaluations, swept(), Removal())
    return find_crossings(evaluations, curve, threshold), evaluations


def test_the_steps_are_the_sources():
    published = {0, 5, 10, 15, 20, 25, 30, 35, 40, 43, 50, 70, 100, 144}
    steps = steps_for(144)
    assert published <= set(steps)
    assert steps == tuple(sorted({*range(0, 144, 10), 5, 15, 25, 35, 43, 50, 144}))
    assert steps_for(12) == (0, 5, 10, 12)
    assert steps_for(10) == (0, 5, 10)


@pytest.mark.parametrize("last_within", [0, 1, 9, 10, 12, 24, 25, 43, 50, 59, 63])
def test_a_crossing_is_found_to_the_head(last_within):
    found, evaluations = crossings(lambda count: 1.0 if count <= last_within else 1.2, 1.1)
    assert found.first.within == found.last.within == last_within
    assert found.first.ratio == pytest.approx(1.0)
    assert found.first.exceeded_ratio == pytest.approx(1.2)
    assert found.largest_step == max(s for s in steps_for(64) if s <= last_within)
    # Ten heads lie between two steps at most, which four evaluations settle.
    assert len(set(evaluations.asked)) <= len(steps_for(64)) + 4


def test_a_curve_that_comes_back_is_crossed_twice():
    def ratios(count):
        return 1.2 if 17 <= count < 31 or count > 44 else 1.0

    found, _ = crossings(ratios, 1.1)
    assert (found.largest_step, found.first.within, found.last.within) == (15, 16, 44)


def test_a_threshold_that_is_never_exceeded_allows_all_heads():
    found, _ = crossings(lambda count: 1.05, 1.1)
    assert (found.largest_step, found.first.within, found.last.within) == (64, 64, 64)
    assert found.first.exceeded_ratio is None


def test_a_ratio_at_the_threshold_is_within_it():
    evaluations = FakeEvaluations(lambda count: 1.5 if count > 20 else 1.0)
    curve = measure_curve(evaluations, swept(), Removal())
    assert find_crossings(evaluations, curve, curve.ratio(64)).first.within == 64
    below = math.nextafter(curve.ratio(64), 0)
    assert find_crossings(evaluations, curve, below).first.within == 20


def test_a_curve_that_ends_within_the_threshold_allows_all_heads_at_last():
    found, _ = crossings(lambda count: 1.2 if 17 <= count < 31 else 1.0, 1.1)
    assert (found.first.within, found.last.within) == (16, 64)
    assert found.last.exceeded_ratio is None


def test_the_signed_order_begins_with_the_heads_that_help():
    deltas = [0.01 * (-1) ** index * (index + 1) / 8 for index in range(len(HEADS))]
    heads = Removal(SIGNED).heads(swept(deltas))
    assert (heads[0], heads[-1]) == (HEADS[63], HEADS[62])
    assert Removal().heads(swept(deltas))[:2] == (HEADS[0], HEADS[1])


def test_heads_of_a_protected_layer_stay():
    heads = Removal(protected_layers=(0,)).heads(swept())
    assert len(heads) == 56
    assert not any(head.layer == 0 for head in heads)


def test_the_document_says_which_curve_it_is():
    evaluations = FakeEvaluations(lambda count: 1 + max(0, count - 0.5) / 40)
    curve = measure_curve(evaluations, swept(), Removal(SIGNED, (0,)))
    document = curve_document(evaluations, curve)
    assert (document["order"], document["protected_layers"], document["total"]) == (
        "signed",
        [0],
        56,
    )
    assert [point["num_heads"] for point in document["points"]] == list(steps_for(56))
    assert [row["first"]["within"] for row in document["thresholds"]] == [4, 20, 40]


def test_helping_heads_are_ablated_together():
    deltas = [-0.01, -0.02, *[0.01] * 62]
    found = joint_document(FakeEvaluations(lambda count: 1 + count / 10), swept(deltas))
    assert found["heads"] == ["L0H1", "L0H0"]
    assert found["sum_of_individual"] == pytest.approx(-0.03)
    assert found["joint"] == pytest.approx(0.2)
    assert found["ppl"] == pytest.approx(24)
