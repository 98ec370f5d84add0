"""Which tokens of a tree go through attention together.

A kernel takes one block of queries and one of keys. Short segments, as the questions about a
context, would each be a call of their own for a few rows, with all keys before them put side by
side once more. So neighbours that begin alike share a call, as far as few rows are given keys that
are none of theirs.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Int
from torch import Tensor

from ablation.passes.token_tree import Segment

ROWS = 256
"""Queries that a call takes at most, but for what begins a prompt: of a longer segment the keys
behind them are left out."""

SPARE = 1.1
"""How many products of queries and keys a call may make, of those that its pieces make alone."""


@dataclass(frozen=True)
class Piece:
    """Neighbouring tokens of a segment, at the positions from ``first`` to before ``end``."""

    segment: Segment
    first: int
    end: int

    @property
    def rows(self) -> int:
        """How many tokens it has."""
        return self.end - self.first

    @property
    def place(self) -> int:
        """Where the first one stands in the packed row."""
        return self.segment.place + self.first - self.segment.start


@dataclass(frozen=True)
class Bundle:
    """Pieces that stand one after the other in the packed row.

    Attributes:
        pieces: at least one.
        ends: for each segment whose tokens they see, by its place and in the order of places: its
            start and the position behind the last token that is seen.
    """

    pieces: tuple[Piece, ...]
    ends: dict[int, tuple[int, int]]

    @property
    def place(self) -> int:
        """Where the first of its tokens stands in the packed row."""
        return self.pieces[0].place

    @property
    def rows(self) -> int:
        """How many tokens it has."""
        return sum(piece.rows for piece in self.pieces)

    @cached_property
    def keys(self) -> list[slice]:
        """What its tokens see, themselves included, in the packed row."""
        return joined(
            slice(place, place + end - start) for place, (start, end) in self.ends.items()
        )

    @cached_property
    def key_places(self) -> Int[Tensor, " keys"]:
        """The same, token by token."""
        return torch.cat([torch.arange(one.start, one.stop) for one in self.keys])

    def columns(self, piece: Piece) -> Int[Tensor, " positions"]:
        """Which of the keys are those of a piece's prompts, position by position up to its end."""
        begins, found = 0, []
        path = {segment.place for segment in piece.segment.path}
        for place, (start, end) in self.ends.items():
            if place in path:
                until = min(end, piece.end)
                found.append(torch.arange(begins, begins + until - start))
            begins += end - start
        return torch.cat(found)


def bundles(segments: Sequence[Segment]) -> list[Bundle]:
    """All tokens of a tree, in the order of the packed row.

    Args:
        segments: those of the tree, in that order.
    """
    found: list[Bundle] = []
    alone = 0  # products that the pieces of the last bundle make alone
    for piece in _pieces(segments):
        of_piece = piece.rows * piece.end
        if found and _begin_alike(found[-1], piece):
            both = Bundle((*found[-1].pieces, piece), _seen(piece, found[-1].ends))
            products = both.rows * sum(end - start for start, end in both.ends.values())
            if both.rows <= ROWS and products <= SPARE * (alone + of_piece):
                found[-1], alone = both, alone + of_piece
                continue
        found.append(Bundle((piece,), _seen(piece, {})))
        alone = of_piece
    return found


def joined(parts: Iterable[slice]) -> list[slice]:
    """The same places in fewer parts: neighbours are one."""
    found: list[slice] = []
    for part in parts:
        if found and found[-1].stop == part.start:
            found[-1] = slice(found[-1].start, part.stop)
        else:
            found.append(part)
    return found


def _pieces(segments: Sequence[Segment]) -> Iterator[Piece]:
    for segment in segments:
        # A kernel may know causal attention without a mask: what begins a prompt is left whole.
        step = ROWS if segment.before else segment.length
        for first in range(segment.start, segment.end, step):
            yield Piece(segment, first, min(first + step, segment.end))


def _begin_alike(bundle: Bundle, piece: Piece) -> bool:
    """Whether what is before the bundle is before the piece, too."""
    before = bundle.pieces[0].segment.before
    return bool(before) and any(one is before[-1] for one in piece.segment.before)


def _seen(piece: Piece, ends: dict[int, tuple[int, int]]) -> dict[int, tuple[int, int]]:
    """``ends``, and those of what a piece sees."""
    found = dict(ends)
    for segment in piece.segment.before:
        found[segment.place] = (segment.start, segment.end)
    found[piece.segment.place] = (piece.segment.start, piece.end)
    return dict(sorted(found.items()))
