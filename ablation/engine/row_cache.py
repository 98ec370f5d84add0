"""Keys and values of several rows that stand at different positions, and their attention.

A row's slot is its position, so that what a wrong draft left behind is overwritten before anything
attends to it: a query sees the slots up to its own only. Keys and values of the prompts stay packed
as the tree has them: those of all rows under a set of heads are read at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from transformers import Cache

from ablation.hooks.attention import Kernel
from ablation.hooks.layout import KeyPositions, MakeMask
from ablation.passes.token_tree import TokenTree
from ablation.passes.tree_attention import KeysValues


@dataclass(frozen=True, eq=False)
class Prefix:
    """What a row begins with.

    Attributes:
        keys_values: of every layer, of a packed tree.
        tree: the tree.
        prompt: which of its prompts.
    """

    keys_values: Sequence[KeysValues]
    tree: TokenTree
    prompt: int

    @property
    def length(self) -> int:
        """How many tokens it has."""
        return self.tree.last[self.prompt].end


class RowCache(Cache):
    """The cache of rows that have prompts of one length and then each go on at their own pace.

    It is the layout of what is fed on top of it, too.

    Args:
        prompts: the prompt of each row.
        length: how many tokens a row may come to; one more slot takes what is fed for a row that
            has nothing to be fed.
    """

    def __init__(self, prompts: Sequence[Prefix], length: int) -> None:
        super().__init__(layers=[])
        self.unused_slot = length
        self._prompts = prompts
        self._prompt_length = prompts[0].length
        self._fed = torch.empty(0, dtype=torch.long)
        self._groups = _groups(prompts)
        self._masked: tuple[Tensor, list[Tensor]] | None = None
        # Behind the prompts: for each layer, what the cache is given of what is fed.
        self._own: dict[int, KeysValues] = {}

    @property
    def key_positions(self) -> KeyPositions:
        """Those that ``update`` gives back: in their slots."""
        ends = torch.cat([one.tree.positions.amax(dim=1) for one in self._prompts])
        return KeyPositions(torch.arange(self._prompt_length, self.unused_slot + 1), ends)

    @property
    def positions(self) -> Int[Tensor, "rows fed"]:
        """Those of the tokens that are fed: their slots."""
        return self._fed

    def feed_into(self, slots: Int[Tensor, "rows fed"]) -> None:
        """Names the slots of the tokens that are fed next."""
        self._fed = slots

    def update(
        self, key_states: Tensor, value_states: Tensor, layer_idx: int, *args: Any, **kwargs: Any
    ) -> KeysValues:
        """Takes in what is fed, and gives back what stands behind the prompts."""
        rows = torch.arange(len(self._fed), device=key_states.device)[:, None]
        if layer_idx not in self._own:
            size = (len(rows), key_states.shape[1], self.unused_slot + 1 - self._prompt_length)
            self._own[layer_idx] = (
                key_states.new_zeros(*size, key_states.shape[3]),
                value_states.new_zeros(*size, value_states.shape[3]),
            )
        keys, values = self._own[layer_idx]
        slots = self._fed.to(key_states.device) - self._prompt_length
        keys[rows, :, slots] = key_states.transpose(1, 2)
        values[rows, :, slots] = value_states.transpose(1, 2)
        return keys, values

    def get_seq_length(self, layer_idx: int = 0) -> int:
        return self._prompt_length

    def get_mask_sizes(self, query_length: int, layer_idx: int) -> tuple[int, int]:
        return self.unused_slot + 1, 0

    def get_query_offset(self, layer_idx: int = 0) -> int:
        return self._prompt_length

    def mask(self, make: MakeMask, **asked: Any) -> Tensor | None:
        """A mask of the model's own making, in which each token stands in its slot."""
        of_positions, positions = asked["mask_function"], self._fed
        changed = {
            "mask_function": lambda row, head, query, key: of_positions(
                row, head, positions[row, query], key
            ),
            "q_offset": 0,
            "allow_is_causal_skip": False,
        }
        return make(**{**asked, **changed})

    def attend(
        self, kernel: Kernel, query: Tensor, key: Tensor, value: Tensor, mask: Tensor
    ) -> Float[Tensor, "rows fed heads dim"]:
        if kernel.is_plain and query.device.type == "cpu" and query.dtype is torch.float32:
            return self._over_packed(kernel, query, key, value, mask)
        keys, values = (
            torch.cat([self._packed(kernel.layer, part), own], dim=2)
            for part, own in enumerate((key, value))
        )
        return kernel(query, keys, values, mask)

    def _packed(self, layer: int, part: int) -> Tensor:
        """Keys (0) or values (1) of the prompts, a row each."""
        found = []
        for one in self._prompts:
            packed = one.keys_values[layer][part]
            found.append(packed[:, :, one.tree.places(one.prompt).to(packed.device)])
        return torch.cat(found)

    def _over_packed(
        self, kernel: Kernel, query: Tensor, key: Tensor, value: Tensor, mask: Tensor
    ) -> Float[Tensor, "rows fed heads dim"]:
        """The same, by one product with all packed tokens for all rows of a set of heads.

        Rows look at tokens of others' prompts, too, and are kept from them by the mask: one large
        product takes less time than many small ones.
        """
        rows, heads, fed, _ = query.shape
        kv_heads = key.shape[1]
        # Grouped queries against their shared key.
        asked = (query * kernel.scaling).reshape(rows, kv_heads, heads // kv_heads * fed, -1)
        found = asked.new_empty(*asked.shape[:3], value.shape[3])
        hidden = self._hidden(mask, heads // kv_heads)
        for group, unseen in zip(self._groups, hidden, strict=True):
            keys, values = (part[0] for part in group.keys_values[kernel.layer])
            ours, at, packed = asked[group.rows], group.rows, keys.shape[1]
            logits = torch.cat(
                [_product(ours, keys.transpose(1, 2)), ours @ key[at].transpose(2, 3)], dim=-1
            )
            weights = logits.masked_fill_(unseen, -torch.inf).softmax(dim=-1)
            found[at] = _product(weights[..., :packed], values) + weights[..., packed:] @ value[at]
        return found.reshape(rows, heads, fed, -1).transpose(1, 2)

    def _hidden(self, mask: Tensor, times: int) -> list[Bool[Tensor, "rows 1 queries keys"]]:
        """For each group, what its rows may not look at: packed tokens first, then their own.

        Made once for all layers that are given the same mask.
        """
        if self._masked is None or self._masked[0] is not mask:
            found = []
            for group in self._groups:
                seen = mask[group.rows]
                packed = seen[..., group.positions] & group.belongs[:, None, None]
                whole = torch.cat([packed, seen[..., self._prompt_length :]], dim=-1)
                found.append(~whole.repeat(1, 1, times, 1))
            self._masked = mask, found
        return self._masked[1]


@dataclass(frozen=True, eq=False)
class _Group:
    """The rows whose prompts are of one packed tree, under one set of heads.

    Attributes:
        rows: which.
        keys_values: of every layer, of the packed tree.
        positions: where each packed token stands in the prompts that have it.
        belongs: which packed tokens the prompt of a row has.
    """

    rows: Int[Tensor, " rows"]
    keys_values: Sequence[KeysValues]
    positions: Int[Tensor, " packed"]
    belongs: Bool[Tensor, "rows packed"]


def _groups(prompts: Sequence[Prefix]) -> list[_Group]:
    members: dict[int, list[int]] = {}
    for row, prompt in enumerate(prompts):
        members.setdefault(id(prompt.keys_values), []).append(row)
    found = []
    for rows in members.values():
        first = prompts[rows[0]]
        belongs = torch.zeros(len(rows), len(first.tree), dtype=torch.bool)
        for number, row in enumerate(rows):
            belongs[number, prompts[row].tree.places(prompts[row].prompt)] = True
        positions = first.tree.positions[0]
        found.append(_Group(torch.tensor(rows), first.keys_values, positions, belongs))
    return found


def _product(
    of_rows: Float[Tensor, "rows kv_heads queries a"], shared: Float[Tensor, "kv_heads a b"]
) -> Float[Tensor, "rows kv_heads queries b"]:
    """The product of every row with what they have in common, head by head, as one for all rows."""
    rows, kv_heads, queries, _ = of_rows.shape
    flat = of_rows.transpose(0, 1).reshape(kv_heads, rows * queries, -1)
    return (flat @ shared).unflatten(1, (rows, queries)).transpose(0, 1)
