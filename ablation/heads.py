"""Attention heads by name: ``Head(15, 30)`` is written ``L15H30``; both numbers count from 0."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from ablation.errors import InvalidInput, shortened

_NAME = re.compile(r"L(\d{1,4})H(\d{1,4})", re.ASCII)


@dataclass(frozen=True, order=True)
class Head:
    """One attention head. With grouped-query attention it is a *query* head."""

    layer: int
    head: int

    def __str__(self) -> str:
        return f"L{self.layer}H{self.head}"

    @classmethod
    def parse(cls, name: object) -> "Head":
        """The head called ``name``, such as ``"L15H30"``.

        Raises:
            InvalidInput: ``name`` is not written that way.
        """
        match = _NAME.fullmatch(name) if isinstance(name, str) else None
        if match is None:
            raise InvalidInput(
                f"bad head name {shortened(name)}: write layer and head, both from 0, as in "
                "'L15H30'"
            )
        return cls(int(match[1]), int(match[2]))


@dataclass(frozen=True)
class HeadGrid:
    """All heads of a model.

    Attributes:
        by_layer: how many query heads each layer has; layers may differ.
    """

    by_layer: tuple[int, ...]

    @classmethod
    def even(cls, layers: int, heads: int) -> "HeadGrid":
        """``layers`` layers of ``heads`` heads each."""
        return cls((heads,) * layers)

    @property
    def layers(self) -> int:
        return len(self.by_layer)

    @property
    def widest(self) -> int:
        """The heads of the layer that has the most."""
        return max(self.by_layer)

    @property
    def heads_per_layer(self) -> int | list[int]:
        """One number where all layers have as many, or else one for each layer."""
        return self.widest if {*self.by_layer} == {self.widest} else list(self.by_layer)

    def own(self, padded: Sequence[Any]) -> list[Any]:
        """Of a table with ``widest`` columns, what is of a head: a row for each layer."""
        return [row[:heads] for row, heads in zip(padded, self.by_layer, strict=True)]

    def __len__(self) -> int:
        return sum(self.by_layer)

    def __iter__(self) -> Iterator[Head]:
        return iter(_heads(self.by_layer))

    def __contains__(self, head: object) -> bool:
        return (
            isinstance(head, Head)
            and 0 <= head.layer < self.layers
            and 0 <= head.head < self.by_layer[head.layer]
        )

    def check(self, heads: Iterable[Head]) -> tuple[Head, ...]:
        """``heads`` as a tuple, every one of them in the grid and none of them twice.

        Raises:
            InvalidInput: a head lies outside the grid or is listed twice.
        """
        heads = tuple(heads)
        for head in heads:
            if head not in self:
                raise InvalidInput(
                    f"head {head} is out of range: the model has {self.layers} layers (0 to "
                    f"{self.layers - 1}){self._heads_beside(head)}"
                )
        check_different(heads)
        return heads

    def _heads_beside(self, head: Head) -> str:
        """How many heads there are where one is looked for."""
        even = isinstance(self.heads_per_layer, int)
        if not even and not 0 <= head.layer < self.layers:
            return ""
        heads = self.widest if even else self.by_layer[head.layer]
        which = "" if even else f", layer {head.layer}"
        return f"{which} of {heads} query heads (0 to {heads - 1})"


@cache
def _heads(by_layer: tuple[int, ...]) -> tuple[Head, ...]:
    return tuple(Head(layer, head) for layer, heads in enumerate(by_layer) for head in range(heads))


def check_different(heads: Iterable[Head]) -> None:
    """Raises InvalidInput if a head is listed twice."""
    seen: set[Head] = set()
    for head in heads:
        if head in seen:
            raise InvalidInput(f"head {head} is listed twice: list every head once")
        seen.add(head)


def jaccard(first: Sequence[Head], second: Sequence[Head]) -> float:
    """|A ∩ B| / |A ∪ B|: 1 for the same heads, be they none; 0 for none in common."""
    either = {*first} | {*second}
    return len({*first} & {*second}) / len(either) if either else 1.0
