"""Attention of the packed tokens of a tree: each segment sees what its prompts begin with."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ablation.hooks.attention import Kernel, MakeMask
from ablation.passes.token_tree import Segment, TokenTree

ROWS = 256
"""Queries of a segment that the kernel takes at once: the keys behind them are left out."""

KeysValues = tuple[Tensor, Tensor]
"""Keys and values of a layer, ``(batch, kv_heads, seq, key_dim)`` and ``(…, value_dim)``."""

SegmentMask = Callable[[int, int], Tensor | None]
"""The mask of the queries at the positions from the one to before the other."""


class TreeLayout:
    """The layout of a row that holds the packed tokens of ``tree``.

    Attributes:
        seen: layer -> keys and values as its attention has seen them.
    """

    def __init__(self, tree: TokenTree) -> None:
        self._segments = tree.segments
        self.seen: dict[int, KeysValues] = {}

    def mask(self, make: MakeMask, **asked: Any) -> SegmentMask:
        # The keys of a segment's prompts are put side by side, so that a key's place among them is
        # its position, and the model's own masks hold.
        def of_queries(first: int, end: int) -> Tensor | None:
            sizes = {"q_length": end - first, "kv_length": end, "q_offset": first, "kv_offset": 0}
            return make(**{**asked, **sizes})

        return of_queries

    def attend(
        self, kernel: Kernel, query: Tensor, key: Tensor, value: Tensor, mask: SegmentMask
    ) -> Tensor:
        self.seen[kernel.layer] = (key, value)
        return torch.cat(
            [
                part
                for segment in self._segments
                for part in _attended(segment, kernel, query, key, value, mask)
            ],
            dim=1,
        )


def _attended(
    segment: Segment, kernel: Kernel, query: Tensor, key: Tensor, value: Tensor, mask: SegmentMask
) -> list[Tensor]:
    if not segment.before:
        # A kernel may know causal attention without a mask.
        keys, values = key[:, :, segment.places], value[:, :, segment.places]
        rows = query[:, :, segment.places]
        return [kernel(rows, keys, values, mask(0, segment.end), segment.place)]
    keys, values = (
        torch.cat([states[:, :, one.places] for one in segment.path], dim=2)
        for states in (key, value)
    )
    found = []
    for first in range(segment.start, segment.end, ROWS):
        end = min(first + ROWS, segment.end)
        place = segment.place + first - segment.start
        rows = query[:, :, place : place + end - first]
        seen = keys[:, :, :end], values[:, :, :end]
        found.append(kernel(rows, *seen, mask(first, end), place))
    return found
