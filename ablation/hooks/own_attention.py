"""Attention in a method of the family's own, in the place of one of transformers' kernels.

GPT-J, CodeGen and GPT-Neo hand queries, keys, values and a mask to the method ``_attn`` of their
attention. Like a kernel it can be seen and be given other rows.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor
from transformers.masking_utils import and_masks, sliding_window_overlay

Method = Callable[[Tensor, Tensor, Tensor, Any], tuple[Tensor, Tensor]]
"""Gives the output, ``(batch, heads, rows, dim)``, and the weights of queries, keys, values and an
additive mask."""

_NAME = "_attn"
_WINDOW = "window_size"
"""In a config: how far back the tokens of GPT-Neo's local layers look."""

_ANY = torch.ones(1, 1, 1, 1, dtype=torch.bool).expand(1, 1, 1 << 24, 1 << 24)
"""Lets every token look at every one; takes no memory."""


def has_method(model: Any) -> bool:
    """Whether the attention of ``model`` is in a method of its own."""
    return any(hasattr(type(module), _NAME) for module in model.modules())


@contextmanager
def in_place_of_methods(model: Any, attend: Callable[..., Tensor]) -> Iterator[None]:
    """Has ``attend`` called in the place of each layer's own method.

    Args:
        model: a model that ``has_method``.
        attend: takes the layer's attention, queries, keys, values, the mask, and the method;
            gives the output as a kernel does, ``(batch, rows, heads, dim)``.
    """
    with ExitStack() as stack:
        for module in model.modules():
            if not hasattr(type(module), _NAME):
                continue
            stack.enter_context(_without_mask_of_its_own(module))
            setattr(module, _NAME, _standing_in(module, getattr(module, _NAME), attend))
            stack.callback(delattr, module, _NAME)
        yield


def _standing_in(module: Any, method: Method, attend: Callable[..., Tensor]) -> Callable[..., Any]:
    is_local = getattr(module, "attention_type", None) == "local"

    def attn(
        query: Tensor, key: Tensor, value: Tensor, attention_mask: Any = None
    ) -> tuple[Tensor, None]:
        if isinstance(attention_mask, _Masks):
            attention_mask = attention_mask.local if is_local else attention_mask.everywhere
        return attend(module, query, key, value, attention_mask, method).transpose(1, 2), None

    return attn


@contextmanager
def _without_mask_of_its_own(module: Any) -> Iterator[None]:
    """GPT-Neo hides what is behind its window by where rows stand among the keys; we say where."""
    own = module._buffers.get("bias")
    if own is None:
        yield
        return
    module._buffers["bias"] = _ANY.to(own.device)
    try:
        yield
    finally:
        module._buffers["bias"] = own


class _Masks:
    """What is passed on as the mask by a model whose layers are of two kinds."""

    def __init__(self, everywhere: Any, local: Any) -> None:
        self.everywhere, self.local = everywhere, local


def with_windows(make: Callable[..., Any], asked: dict[str, Any]) -> Any:
    """The mask that a model with methods asks for; two, where some layers have a window.

    Args:
        make: makes a mask of what is asked.
        asked: the arguments, as of ``transformers.masking_utils.eager_mask``.
    """
    window = getattr(asked.get("config"), _WINDOW, None)
    if window is None:
        return make(**asked)
    local = and_masks(sliding_window_overlay(window), asked["mask_function"])
    return _Masks(make(**asked), make(**{**asked, "mask_function": local}))
