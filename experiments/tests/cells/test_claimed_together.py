"""Which answers a process claims and computes together."""

from itertools import chain
from types import SimpleNamespace
from typing import Any

import pytest

from ablation.heads import Head
from experiments.cells.conditions import MANY_SETS, SETS_AT_ONCE, HeadsByItem, claimed_together

ITEMS = 20


def cell(tokens: int = 512) -> Any:
    """Prompts whose ids are in another order than they are listed."""
    prompts = [(None, SimpleNamespace(ids=(item * 7 % ITEMS,))) for item in range(ITEMS)]
    return SimpleNamespace(test=prompts, tokens=tokens)


def claims(head_sets, tokens=512):
    units: Any = [[(number, item) for item in range(ITEMS)] for number in range(len(head_sets))]
    return [list(claim) for claim in claimed_together(cell(tokens), units, head_sets)]


def alike(layers: int, each: int) -> list[tuple[Head, ...]]:
    """Sets of one more head beside one of ``layers``, those of one layer far from one another."""
    return [(Head(layer, 0), Head(9, head)) for head in range(each) for layer in range(layers)]


@pytest.mark.parametrize("each", [2, MANY_SETS])
def test_every_answer_is_claimed_once(each):
    found = list(chain.from_iterable(claims(alike(3, each))))
    assert sorted(found) == [(number, item) for number in range(3 * each) for item in range(ITEMS)]


@pytest.mark.parametrize(("each", "at_once"), [(4, SETS_AT_ONCE), (16, 2 * SETS_AT_ONCE)])
def test_sets_that_share_their_first_layers_are_claimed_together(each, at_once):
    layers = 3
    for claim in claims(alike(layers, each)):
        sets = {number for number, _ in claim}
        assert len(sets) == at_once
        assert len({number % layers for number in sets}) == 1


def test_sets_by_item_are_ordered_by_the_first_item_s():
    sets = [HeadsByItem((heads,) * ITEMS) for heads in alike(2, SETS_AT_ONCE)]
    for claim in claims(sets):
        assert len({number % 2 for number, _ in claim}) == 1


def test_prompts_that_begin_alike_are_claimed_together():
    firsts = [item for _, item in claims([()], tokens=4096)[0]]
    assert [item * 7 % ITEMS for item in firsts] == [0, 1]
