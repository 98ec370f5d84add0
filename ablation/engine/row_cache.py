"""Keys and values of several rows that stand at different positions, and their attention.

A row's slot is its position, so that what a wrong draft left behind is overwritten before anything
attends to it: a query sees the slots up to its own only. Keys and values of the prompts stay packed
as the tree has them: what several rows begin with is read once for all of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from transformers import Cache

from ablation.hooks.attention import Kernel, MakeMask
from ablation.passes.layerwise import KeysValues
from ablation.passes.token_tree import Segment, TokenTree


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
        self._shared = _segments(prompts)
        # Behind the prompts: for each layer, keys and values of what is fed.
        own = length + 1 - self._prompt_length
        self._own = [
            tuple(part.new_zeros(len(prompts), part.shape[1], own, part.shape[3]) for part in layer)
            for layer in prompts[0].keys_values
        ]

    def feed_into(self, slots: Int[Tensor, "rows fed"]) -> None:
        """Names the slots of the tokens that are fed next."""
        self._fed = slots

    def update(
        self, key_states: Tensor, value_states: Tensor, layer_idx: int, *args: Any, **kwargs: Any
    ) -> KeysValues:
        """Takes in what is fed, and gives back what stands behind the prompts."""
        rows = torch.arange(len(self._fed), device=self._fed.device)[:, None]
        keys, values = self._own[layer_idx]
        slots = self._fed - self._prompt_length
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
        of_positions = asked["mask_function"]

        def of_slots(row: Tensor, head: Tensor, query: Tensor, key: Tensor) -> Tensor:
            return of_positions(row, head, self._fed[row, query], key)

        changed = {"mask_function": of_slots, "q_offset": 0, "allow_is_causal_skip": False}
        return make(**{**asked, **changed})

    def attend(
        self, kernel: Kernel, query: Tensor, key: Tensor, value: Tensor, mask: Tensor
    ) -> Float[Tensor, "rows fed heads dim"]:
        if kernel.is_plain and query.device.type == "cpu" and query.dtype is torch.float32:
            return self._over_segments(kernel, query, key, value, mask)
        keys, values = (
            torch.cat([self._packed(kernel.layer, part), own], dim=2)
            for part, own in enumerate((key, value))
        )
        return kernel(query, keys, values, mask)

    def _packed(self, layer: int, part: int) -> Tensor:
        """Keys (0) or values (1) of the prompts, a row each."""
        return torch.cat(
            [
                one.keys_values[layer][part][:, :, one.tree.places(one.prompt).to(self._fed.device)]
                for one in self._prompts
            ]
        )

    def _over_segments(
        self, kernel: Kernel, query: Tensor, key: Tensor, value: Tensor, mask: Tensor
    ) -> Float[Tensor, "rows fed heads dim"]:
        """The same, by the products with each segment for all rows that begin with it."""
        rows, heads, fed, _ = query.shape
        kv_heads = key.shape[1]
        # Grouped queries against their shared key.
        asked = (query * kernel.scaling).reshape(rows, kv_heads, heads // kv_heads * fed, -1)
        logits = asked.new_empty(*asked.shape[:3], self.unused_slot + 1)
        for prompt, segment, places in self._shared:
            keys = prompt.keys_values[kernel.layer][0][0, :, segment.places]
            logits[places, :, :, segment.start : segment.end] = _product(
                asked[places], keys.transpose(1, 2)
            )
        behind = slice(self._prompt_length, None)
        logits[..., behind] = asked @ key.transpose(2, 3)
        hidden = ~mask.repeat(1, 1, heads // kv_heads, 1)
        weights = logits.masked_fill_(hidden, -torch.inf).softmax(dim=-1)
        found = weights[..., behind] @ value
        for prompt, segment, places in self._shared:
            values = prompt.keys_values[kernel.layer][1][0, :, segment.places]
            found[places] += _product(weights[places, :, :, segment.start : segment.end], values)
        return found.reshape(rows, heads, fed, -1).transpose(1, 2)


def _segments(prompts: Sequence[Prefix]) -> list[tuple[Prefix, Segment, Int[Tensor, " places"]]]:
    """Every segment that rows begin with, of which packed row, and which rows these are."""
    found: dict[tuple[int, int], tuple[Prefix, Segment, list[int]]] = {}
    for row, prompt in enumerate(prompts):
        for segment in prompt.tree.last[prompt.prompt].path:
            of = (id(prompt.keys_values), segment.place)
            found.setdefault(of, (prompt, segment, []))[2].append(row)
    return [(prompt, segment, torch.tensor(rows)) for prompt, segment, rows in found.values()]


def _product(
    of_rows: Float[Tensor, "rows kv_heads queries a"], shared: Float[Tensor, "kv_heads a b"]
) -> Float[Tensor, "rows kv_heads queries b"]:
    """The product of every row with what they have in common, head by head, as one for all rows."""
    rows, kv_heads, queries, _ = of_rows.shape
    flat = of_rows.transpose(0, 1).reshape(kv_heads, rows * queries, -1)
    return (flat @ shared).unflatten(1, (rows, queries)).transpose(0, 1)
