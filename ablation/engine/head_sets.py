"""Sets of ablated heads as a tree: those that agree in all layers so far are in one branch."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from ablation.heads import Head, HeadGrid

HeadSet = tuple[Head, ...]

Heads = tuple[int, ...]
"""The ablated heads of one layer, by their number in it, ascending."""

Members = tuple[int, ...]
"""Sets of heads, by their places in the list of all."""


class HeadSetTree:
    """The tree of ``head_sets``.

    Args:
        grid: the heads that the model has.
        head_sets: the sets of heads, each ablated together.

    Raises:
        InvalidInput: a head is out of range or listed twice.
    """

    def __init__(self, grid: HeadGrid, head_sets: Sequence[HeadSet]) -> None:
        self._by_layer = [_by_layer(grid.check(heads)) for heads in head_sets]

    @property
    def everyone(self) -> Members:
        """All sets."""
        return tuple(range(len(self._by_layer)))

    def agree(self, members: Members) -> bool:
        """Whether these sets are the same."""
        first = self._by_layer[members[0]]
        return all(self._by_layer[member] == first for member in members)

    def heads(self, member: int, layer: int) -> Heads:
        """The heads of ``layer`` in a set."""
        return self._by_layer[member].get(layer, ())

    def parts(self, members: Members, layer: int) -> list[tuple[Heads, Members]]:
        """How ``members`` part in ``layer``: the heads there, and who has them; most come first."""
        parts: dict[Heads, Members] = {}
        for member in members:
            heads = self.heads(member, layer)
            parts[heads] = (*parts.get(heads, ()), member)
        return sorted(parts.items(), key=lambda part: -len(part[1]))

    def streams_held(self) -> int:
        """How many tensors as large as a residual stream wait at once in a walk, for each pass.

        Where sets part, the stream before the layer and its z wait until the last part, the largest
        one, is taken up.
        """

        def held(members: Members, layer: int) -> int:
            if self.agree(members):
                return 0
            while len(parts := self.parts(members, layer)) == 1:
                layer += 1
            (_, most), *others = parts
            meanwhile = max(held(part, layer + 1) for _, part in others)
            return max(2 + meanwhile, held(most, layer + 1))

        return held(self.everyone, 0) if self.everyone else 0


def _by_layer(heads: Sequence[Head]) -> dict[int, Heads]:
    found: dict[int, list[int]] = defaultdict(list)
    for head in sorted(heads):
        found[head.layer].append(head.head)
    return {layer: tuple(numbers) for layer, numbers in found.items()}


def alike(
    head_sets: Sequence[HeadSet], places: Iterable[int] | None = None
) -> dict[HeadSet, Members]:
    """Each different set of heads -> where it stands, among ``places`` (None: all)."""
    found: dict[HeadSet, Members] = {}
    for place in range(len(head_sets)) if places is None else places:
        heads = tuple(sorted(head_sets[place]))
        found[heads] = (*found.get(heads, ()), place)
    return found
