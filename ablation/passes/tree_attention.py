"""Attention of the packed tokens of a tree: each segment sees what its prompts begin with."""

from typing import Any

import torch
from torch import Tensor

from ablation.hooks.attention import Kernel
from ablation.hooks.layout import KeyPositions, MakeMask
from ablation.passes.bundles import Bundle, Piece, bundles, joined
from ablation.passes.token_tree import Segment, TokenTree

KeysValues = tuple[Tensor, Tensor]
"""Keys and values of a layer, ``(batch, kv_heads, seq, key_dim)`` and ``(…, value_dim)``."""

KEPT = 1 << 18
"""A mask of at most so many entries is made once for all layers. Larger ones take little time
beside their attention, and much memory."""


class TreeLayout:
    """The layout of a row that holds the packed tokens of ``tree``.

    Attributes:
        key_positions: where each token stands in its prompts.
        positions: the same, ``(1, tokens)``.
        seen: layer -> keys and values as its attention has seen them.
    """

    def __init__(self, tree: TokenTree) -> None:
        self.positions = tree.positions
        self.key_positions = KeyPositions(tree.positions[0], tree.positions.amax(dim=1))
        self._bundles = bundles(tree.segments)
        self.seen: dict[int, KeysValues] = {}

    def mask(self, make: MakeMask, **asked: Any) -> "TreeMask":
        return TreeMask(make, asked)

    def attend(
        self, kernel: Kernel, query: Tensor, key: Tensor, value: Tensor, mask: "TreeMask"
    ) -> Tensor:
        self.seen[kernel.layer] = (key, value)
        found: list[Tensor] = []
        put: Segment | None = None
        keys, values = key, value
        for bundle in self._bundles:
            # Of a long segment, which has many bundles of its own, keys are put side by side once.
            of = bundle.pieces[0].segment if len(bundle.pieces) == 1 else None
            if of is None or of is not put:
                parts = bundle.keys if of is None else joined(one.places for one in of.path)
                put, keys, values = of, _side_by_side(key, parts), _side_by_side(value, parts)
            rows = query[:, :, bundle.place : bundle.place + bundle.rows]
            end, places = len(bundle.key_places), (bundle.place, bundle.key_places)
            seen = keys[:, :, :end], values[:, :, :end]
            found.append(kernel(rows, *seen, mask.of(bundle), *places))
        return torch.cat(found, dim=1)


def _side_by_side(states: Tensor, parts: list[slice]) -> Tensor:
    found = [states[:, :, part] for part in parts]
    return found[0] if len(found) == 1 else torch.cat(found, dim=2)


class TreeMask:
    """A mask of one kind, of the model's own making, for all bundles of a tree."""

    def __init__(self, make: MakeMask, asked: dict[str, Any]) -> None:
        self._make, self._asked = make, asked
        self._kept: dict[int, Tensor | None] = {}

    def of(self, bundle: Bundle) -> Tensor | None:
        """What its rows may look at among its keys; None: each at all keys up to itself."""
        if bundle.place in self._kept:
            return self._kept[bundle.place]
        mask = self._of_piece(*bundle.pieces) if len(bundle.pieces) == 1 else self._joined(bundle)
        if mask is None or mask.numel() <= KEPT:
            self._kept[bundle.place] = mask
        return mask

    def _joined(self, bundle: Bundle) -> Tensor:
        found = []
        for piece in bundle.pieces:
            mask = self._of_piece(piece, allow_is_causal_skip=False)
            assert mask is not None
            hidden = False if mask.dtype == torch.bool else torch.finfo(mask.dtype).min
            rows = mask.new_full((*mask.shape[:-1], len(bundle.key_places)), hidden)
            rows[..., bundle.columns(piece).to(mask.device)] = mask
            found.append(rows)
        return torch.cat(found, dim=-2)

    def _of_piece(self, piece: Piece, **more: Any) -> Tensor | None:
        # A key's place among those of its prompts is its position, so that the model's masks hold.
        sizes = {"q_length": piece.rows, "kv_length": piece.end}
        offsets = {"q_offset": piece.first, "kv_offset": 0}
        return self._make(**{**self._asked, **sizes, **offsets, **more})
