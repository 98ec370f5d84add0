"""Attention heads by name: ``Head(15, 30)`` is written ``L15H30``; both numbers count from 0."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache

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
    """All heads of a model: ``layers`` × ``heads`` query heads."""

    layers: int
    heads: int

    def __len__(self) -> int:
        return self.layers * self.heads

    def __iter__(self) -> Iterator[Head]:
        return iter(_heads(self.layers, self.heads))

    def __contains__(self, head: object) -> bool:
        return (
            isinstance(head, Head) and 0 <= head.layer < self.layers and 0 <= head.head < self.heads
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
                    f"{self.layers - 1}) of {self.heads} query heads (0 to {self.heads - 1})"
                )
        check_different(heads)
        return heads


@cache
def _heads(layers: int, heads: int) -> tuple[Head, ...]:
    return tuple(Head(layer, head) for layer in range(layers) for head in range(heads))


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
