"""Random heads ablated for comparison: the control of every level.

Two kinds. *Uniform*, the study's own: any heads outside the top 50. *Layer-matched*: as many heads
of each layer as the tested set has, so that what the two sets differ by is not the depth they lie
at. The verdicts rest on the layer-matched one, since the uniform one was seen to fail on the
embedded model (``experiments/qrhead/README.md``). Where methods are compared, a uniform draw
outside the top 50 of all of them is *shared* by them.

One set of heads, asked everything, says nothing of random heads in general: sets differ. So a
layer-matched draw gives every item a set *of its own*, at the price of one set; or there are
several whole draws, of which each asks everything, and which tell how far sets differ.
"""

import random
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ablation.errors import InvalidInput, TooFewHeads
from ablation.heads import Head, HeadGrid

if TYPE_CHECKING:
    from ablation.detection.ranking import HeadRanking

EXCLUDED_TOP = 50
"""Heads of this rank or better never serve as a control (the study's choice); nor do tested ones,
where more are tested. In a model of fewer than 100 heads it is the better half of them (ours)."""

CONTROL_SEED = 42
"""The study's seed; further draws use 43, 44, …"""


UNIFORM, LAYER_MATCHED = "uniform", "layer_matched"

_SHOWN_LEVELS = 50

SHARED = "shared"
"""A uniform control of several methods at once: top heads of none of them."""


@dataclass(frozen=True)
class ControlDraw:
    """One draw of random heads: how, and with which seed.

    Attributes:
        kind: ``UNIFORM`` or ``LAYER_MATCHED``.
        seed: of the draw.
        by_item: every item has a set of its own.

    Raises:
        InvalidInput: an unknown kind.
    """

    kind: str
    seed: int = CONTROL_SEED
    by_item: bool = False

    def __post_init__(self) -> None:
        if self.kind not in (UNIFORM, LAYER_MATCHED):
            raise InvalidInput(f"a control is {UNIFORM} or {LAYER_MATCHED}, got {self.kind!r}")

    def __str__(self) -> str:
        return f"{self.kind}{'_by_item' if self.by_item else ''}_{self.seed}"

    def heads(
        self, grid: HeadGrid, tested: Sequence[Head], excluded: Collection[Head], item: str = ""
    ) -> tuple[Head, ...]:
        """As many heads as ``tested``, see ``control_heads`` and ``layer_matched_heads``.

        Of a draw by item those of the item called ``item``.
        """
        seed = f"{self.seed} {item}" if self.by_item else self.seed
        if self.kind == UNIFORM:
            return control_heads(grid, excluded, len(tested), seed)
        return layer_matched_heads(grid, tested, excluded, seed)


def excluded(ranking: "HeadRanking", level: int) -> tuple[Head, ...]:
    """The heads that serve as no control at a level: the top 50, and what is tested beyond them."""
    return ranking.found[: number_excluded(ranking.grid, level)]


def number_excluded(grid: HeadGrid, level: int) -> int:
    """How many of the best heads serve as no control at a level."""
    return max(min(EXCLUDED_TOP, len(grid) // 2), level)


def levels_with_controls(levels: Collection[int], grid: HeadGrid) -> tuple[int, ...]:
    """Those of ``levels`` that leave as many other heads, to compare with."""
    return tuple(level for level in levels if 2 * level <= len(grid))


def require_controls(level: int, grid: HeadGrid) -> None:
    """Checks that as many other heads are left where ``level`` are ablated.

    Raises:
        TooFewHeads: they are not.
    """
    if not levels_with_controls([level], grid):
        raise TooFewHeads(
            f"{level} ablated heads need as many others as a control, and the model has "
            f"{len(grid)} heads in all: take a larger model"
        )


def control_draws(kind: str, number: int, first: int = CONTROL_SEED) -> list[ControlDraw]:
    """``number`` draws with consecutive seeds from ``first``.

    Raises:
        InvalidInput: ``number`` is below 1.
    """
    if number < 1:
        raise InvalidInput(f"at least one control draw is required, got {number}")
    return [ControlDraw(kind, first + offset) for offset in range(number)]


def matched_draws(number: int, first: int = CONTROL_SEED) -> list[ControlDraw]:
    """The layer-matched draws of a run: whole ones, or of a single one a set for every item.

    Raises:
        InvalidInput: ``number`` is below 1.
    """
    if number == 1:
        return [ControlDraw(LAYER_MATCHED, first, by_item=True)]
    return control_draws(LAYER_MATCHED, number, first)


def control_heads(
    grid: HeadGrid, top_heads: Collection[Head], n: int, seed: int | str = CONTROL_SEED
) -> tuple[Head, ...]:
    """``n`` heads drawn uniformly, without replacement, from those not among ``top_heads``.

    The draw is ``random.Random(seed).sample(candidates, n)`` with the candidates in order of layer
    and head, as in the QRHead ablation study. Draws of one seed at several ``n`` are therefore
    nested or nearly so: the levels of one draw are not independent of each other.

    Raises:
        InvalidInput: fewer than ``n`` heads are left.
    """
    excluded = set(top_heads)
    candidates = [head for head in grid if head not in excluded]
    if len(candidates) < n:
        remedy = (
            "ablate fewer heads"
            if candidates
            else "fewer would leave none either, so take a larger model, or --skip-random"
        )
        raise InvalidInput(
            f"a control of {n} random heads is required, but only {len(candidates)} of the model's "
            f"{len(grid)} heads are left beside the {len(excluded)} top ones: {remedy}"
        )
    return tuple(random.Random(seed).sample(candidates, n))


def layer_matched_heads(
    grid: HeadGrid,
    tested: Sequence[Head],
    excluded: Collection[Head],
    seed: int | str = CONTROL_SEED,
) -> tuple[Head, ...]:
    """As many heads of each layer as ``tested`` has, drawn at random, none of them tested.

    Layer by layer, from the heads outside ``excluded``; where a layer has too few of those, from
    its other untested heads; where it has too few at all, the rest comes from the nearest layers
    (``displaced`` counts those). Small models run out: a layer of nine heads of which seven are
    tested has two to compare with.

    Args:
        grid: the model's heads.
        tested: the set to match.
        excluded: heads that serve only where nothing else in the layer is left, such as the top 50.
        seed: of ``random.Random``.

    Raises:
        InvalidInput: the model has fewer untested heads than tested ones.
    """
    generator = random.Random(seed)
    matched, spared = set(tested), set(excluded)
    left = [head for head in grid if head not in matched]
    if len(left) < len(tested):
        raise InvalidInput(
            f"a control of {len(tested)} other heads is required, but the model has only "
            f"{len(grid)} heads: ablate fewer"
        )
    # A shuffled order, drawn once; the sort keeps it among heads that are equally welcome.
    generator.shuffle(left)
    left.sort(key=lambda head: head in spared)
    place = {head: number for number, head in enumerate(left)}
    by_layer: list[list[Head]] = [[] for _ in range(grid.layers)]
    for head in left:
        by_layer[head.layer].append(head)
    drawn: list[Head] = []
    wanted = Counter(head.layer for head in tested)
    for nearest in range(grid.layers):
        for layer in sorted(+wanted):
            around = {layer - nearest, layer + nearest} & set(range(grid.layers))
            welcome = sorted(
                (head for at in around for head in by_layer[at]), key=place.__getitem__
            )
            for head in welcome[: wanted[layer]]:
                wanted[layer] -= 1
                by_layer[head.layer].remove(head)
                drawn.append(head)
    return tuple(sorted(drawn))


def displaced(tested: Collection[Head], control: Collection[Head]) -> int:
    """How many of the control's heads lie in layers where the tested set has no counterpart."""
    layers = Counter(head.layer for head in control)
    layers.subtract(head.layer for head in tested)
    return sum(count for count in layers.values() if count > 0)


def check_levels(levels: Collection[int], grid: HeadGrid) -> tuple[int, ...]:
    """``levels`` as a tuple: at least one, ascending, each from 1 to the model's number of heads.

    Raises:
        InvalidInput: they are not.
    """
    levels = tuple(levels)
    if not levels:
        raise InvalidInput("at least one level (number of heads to ablate) is required, got none")
    for level in levels:
        if not 1 <= level <= len(grid):
            raise InvalidInput(
                f"level {level} is out of range: ablate from 1 to {len(grid)} heads of this model; "
                "--levels says how many"
            )
    if list(levels) != sorted(set(levels)):
        raise InvalidInput(
            f"levels must ascend without repeats, got {_listed(levels)}: "
            f"try {_listed(sorted(set(levels)))}"
        )
    return levels


def _listed(levels: Sequence[int]) -> str:
    """``5,10,20``; of many the first."""
    more = ",…" if len(levels) > _SHOWN_LEVELS else ""
    return ",".join(map(str, levels[:_SHOWN_LEVELS])) + more
