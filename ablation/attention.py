"""What the attention of every layer is given, seen while sdpa computes it as ever.

A registered attention function sees queries, keys and values after position encoding, and the
mask. Nothing of a model is replaced or copied, and no other kernel computes its attention.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from transformers import AttentionInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import AttentionMaskInterface, sdpa_mask

from ablation.errors import InvalidInput

_NAME = "headclaims_observed"


@dataclass(frozen=True)
class AttentionCall:
    """The attention of one layer in one forward pass.

    Attributes:
        layer: its number, from 0.
        query: after position encoding.
        key, value: of the cached tokens, as far as a sliding window keeps them, and of the rows.
        mask: True (or 0) where a row may look; None: at all keys up to itself.
        scaling: what the logits are multiplied with.
    """

    layer: int
    query: Float[Tensor, "batch heads rows head_dim"]
    key: Float[Tensor, "batch kv_heads keys head_dim"]
    value: Float[Tensor, "batch kv_heads keys value_dim"]
    mask: Tensor | None
    scaling: float

    @property
    def is_prefill(self) -> bool:
        """Whether there is nothing before the rows."""
        return self.query.shape[2] == self.key.shape[2]

    @property
    def visible(self) -> Bool[Tensor, "mask_rows 1 rows keys"]:
        """Which keys each row may look at; the same for every head."""
        rows, keys = self.query.shape[2], self.key.shape[2]
        if self.mask is None:
            ones = torch.ones(rows, keys, dtype=torch.bool, device=self.key.device)
            return ones.tril(keys - rows)[None, None]
        mask = self.mask[..., :keys]
        return mask if mask.dtype == torch.bool else mask == 0

    def weights(self) -> Float[Tensor, "batch heads rows keys"]:
        """The softmax weights, in fp32: these rows' part of the attention matrix."""
        groups = self.query.shape[1] // self.key.shape[1]
        # Grouped queries against their shared key, without repeating the key in memory.
        grouped = self.query.unflatten(1, (self.key.shape[1], groups)).float()
        logits = torch.einsum("bkgqd,bksd->bkgqs", grouped, self.key.float()).flatten(1, 2)
        return (logits * self.scaling).masked_fill(~self.visible, -torch.inf).softmax(dim=-1)


Observer = Callable[[AttentionCall], None]

_observers: ContextVar[tuple[Observer, ...]] = ContextVar("observers of attention", default=())


def _attend(
    module: Any,
    query: Float[Tensor, "batch heads rows head_dim"],
    key: Float[Tensor, "batch kv_heads keys head_dim"],
    value: Float[Tensor, "batch kv_heads keys value_dim"],
    attention_mask: Tensor | None,
    scaling: float | None = None,
    **kwargs: Any,
) -> tuple[Tensor, None]:
    for name in ("softcap", "s_aux", "position_bias"):
        if kwargs.get(name) is not None:
            raise InvalidInput(
                f"{type(module).__name__} computes attention with {name!r}, which would be left "
                "out here: this architecture needs a reader of its own"
            )
    if scaling is None:
        scaling = query.shape[-1] ** -0.5
    call = AttentionCall(module.layer_idx, query, key, value, attention_mask, scaling)
    for observer in _observers.get():
        observer(call)
    return sdpa_attention_forward(
        module, query, key, value, attention_mask, scaling=scaling, **kwargs
    )


AttentionInterface.register(_NAME, _attend)
AttentionMaskInterface.register(_NAME, sdpa_mask)


@contextmanager
def observe_attention(model: Any, observer: Observer) -> Iterator[None]:
    """Shows ``observer`` the attention of every layer that runs in the context.

    Args:
        model: a model of transformers, or the base model of one.
        observer: is called before each layer's attention is computed.

    Raises:
        InvalidInput: in the forward pass: the architecture bends its attention in a way that is
            not seen here.
    """
    before = model.config._attn_implementation
    token = _observers.set((*_observers.get(), observer))
    try:
        model.set_attn_implementation(_NAME)
        yield
    finally:
        model.set_attn_implementation(before)
        _observers.reset(token)
