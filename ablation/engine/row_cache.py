"""Keys and values of several rows that stand at different positions, and the masks they need.

A row's slot is its position, so that what a wrong draft left behind is overwritten before anything
attends to it: a query sees the slots up to its own only.
"""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Bool, Int
from torch import Tensor
from transformers import Cache

from ablation.engine.layers import KeysValues


class RowCache(Cache):
    """The cache of rows that have the same prompt length and then each go on at their own pace.

    Args:
        prompts: batches of prompts, the rows of this cache together: for each, keys and values of
            every layer.
        length: how many tokens a row may come to; one more slot takes what is fed for a row that
            has nothing to be fed.
    """

    def __init__(self, prompts: Sequence[Sequence[KeysValues]], length: int) -> None:
        super().__init__(layers=[])
        self._prompt_length = prompts[0][0][0].shape[2]
        self.unused_slot = length
        self._kept = [
            tuple(_extended(torch.cat(batches), length + 1) for batches in zip(*pairs, strict=True))
            for pairs in zip(*prompts, strict=True)
        ]
        self._slots = torch.empty(0, dtype=torch.long)

    def feed_into(self, slots: Int[Tensor, "batch fed"]) -> None:
        """Names the slots of the tokens that are fed next."""
        self._slots = slots

    def update(
        self, key_states: Tensor, value_states: Tensor, layer_idx: int, *args: Any, **kwargs: Any
    ) -> KeysValues:
        rows = torch.arange(len(self._slots), device=self._slots.device)[:, None]
        keys, values = self._kept[layer_idx]
        keys[rows, :, self._slots] = key_states.transpose(1, 2)
        values[rows, :, self._slots] = value_states.transpose(1, 2)
        return keys, values

    def get_seq_length(self, layer_idx: int = 0) -> int:
        return self._prompt_length


def attention_masks(
    config: Any, slots: Int[Tensor, "batch fed"], length: int
) -> Tensor | dict[str, Tensor]:
    """What the model's forward takes as masks: which slots each fed token attends to.

    Args:
        config: the model's; sliding windows are kept to.
        slots: where the tokens are.
        length: how many slots there are.
    """
    keys = torch.arange(length, device=slots.device)
    causal: Bool[Tensor, "batch 1 fed slots"] = (keys <= slots[..., None])[:, None]
    window = getattr(config, "sliding_window", None)
    if window is None:
        return causal
    sliding = causal & (keys > slots[..., None] - window)[:, None]
    kinds = getattr(config, "layer_types", None)
    if kinds is None:  # one window for all layers (Mistral)
        return sliding
    return {"full_attention": causal, "sliding_attention": sliding}


def _extended(states: Tensor, slots: int) -> Tensor:
    """Keys or values with empty slots behind those of the prompt."""
    batch, heads, filled, width = states.shape
    return torch.cat([states, states.new_zeros(batch, heads, slots - filled, width)], dim=2)
