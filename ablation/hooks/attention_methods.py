"""Attention in a method of the family's own, in the place of one of transformers' kernels.

GPT-J, CodeGen and GPT-Neo hand queries, keys, values and a mask to the method ``_attn`` of their
attention. Like a kernel it can be seen and be given other rows. (For families without either see
``ablation.hooks.attention_forwards``.)
"""

import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor
from transformers.masking_utils import and_masks, sliding_window_overlay

from ablation.hooks.layout import Layout
from ablation.hooks.stand_ins import Attend, StandIns, standing_in

Method = Callable[[Tensor, Tensor, Tensor, Any], tuple[Tensor, Tensor]]
"""Gives the output, ``(batch, heads, rows, dim)``, and the weights of queries, keys, values and an
additive mask."""

_CLASSES = ("CodeGenAttention", "GPTJAttention", "GPTNeoSelfAttention")
"""Not those of flash attention, which inherit the method and do not call it."""

_NAME = "_attn"

_WINDOW = "window_size"
"""In a config: how far back the tokens of GPT-Neo's local layers look."""

_LONGEST = 1 << 24
"""More tokens than any text has."""


@contextmanager
def _in_place(model: Any, attend: Attend) -> Iterator[None]:
    with ExitStack() as stack:
        for module in model.modules():
            if type(module).__name__ not in _CLASSES or isinstance(module._attn, _StandIn):
                continue
            stand_in = _StandIn(module, module._attn, attend)
            stack.enter_context(standing_in(module, _NAME, stand_in))
        yield


class _StandIn:
    """What is called in the place of a method."""

    def __init__(self, module: Any, method: Method, attend: Attend) -> None:
        self._module, self._method, self._attend = module, method, attend
        self._is_local = getattr(module, "attention_type", None) == "local"

    def __call__(
        self, query: Tensor, key: Tensor, value: Tensor, attention_mask: Any = None
    ) -> tuple[Tensor, None]:
        mask = attention_mask
        if isinstance(mask, _Masks):
            mask = mask.local if self._is_local else mask.everywhere
        elif "bias" in self._module._buffers:
            mask = self._with_its_own(mask, query.shape[2], key.shape[2])
        # How a method scales its products is its own affair: it is asked for the weights, too.
        how = {"scaling": math.nan, "method": self._unmasked}
        output, _ = self._attend(self._module, query, key, value, mask, **how)
        return output.transpose(1, 2), None

    def _with_its_own(self, mask: Tensor | None, rows: int, keys: int) -> Tensor:
        """A mask that a caller has made, and what GPT-Neo hides besides."""
        visible = self._module.bias[:, :, keys - rows : keys, :keys]
        given = torch.zeros_like(visible, dtype=torch.float32) if mask is None else mask
        return torch.where(visible, given, torch.finfo(given.dtype).min)

    def _unmasked(
        self, query: Tensor, key: Tensor, value: Tensor, mask: Any
    ) -> tuple[Tensor, Tensor]:
        """The method, hiding nothing but what the mask does.

        GPT-Neo's hides what is behind its window by where rows stand among the keys of one text.
        """
        buffers = self._module._buffers
        own = buffers.get("bias")
        if own is None:
            return self._method(query, key, value, mask)
        anything = torch.ones(1, 1, 1, 1, dtype=torch.bool, device=own.device)
        try:
            buffers["bias"] = anything.expand(1, 1, _LONGEST, _LONGEST)  # takes no memory
            return self._method(query, key, value, mask)
        finally:
            buffers["bias"] = own


class _Masks:
    """What is passed on as the mask by a model whose layers are of two kinds."""

    def __init__(self, everywhere: Any, local: Any) -> None:
        self.everywhere, self.local = everywhere, local


def _mask(make: Callable[..., Any], asked: dict[str, Any], layout: Layout | None) -> Any:
    """A pair, where some of a model's layers have a window."""
    window = getattr(asked.get("config"), _WINDOW, None)
    if window is None:
        return make(**asked)
    local = and_masks(sliding_window_overlay(window), asked["mask_function"])
    return _Masks(make(**asked), make(**{**asked, "mask_function": local}))


METHODS = StandIns("eager", _CLASSES, _in_place, _mask)
