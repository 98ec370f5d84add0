"""Mean attention of a few query rows, read while sdpa computes the rest of the model.

``output_attentions`` forces eager attention and forms the full ``seq × seq`` matrix in every
layer. Here a registered attention function sees q, k and the mask after position encoding; fed
only the rows that are wanted, on top of a key-value cache, it forms just those rows, one layer at
a time, and keeps their mean.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from transformers import AttentionInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import AttentionMaskInterface, eager_mask

from ablation.errors import InvalidInput

_NAME = "headclaims_mean_attention"

_recorded: ContextVar[dict[int, Tensor]] = ContextVar("recorded attention")


def _attend_and_record(
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
                f"{type(module).__name__} computes attention with {name!r}, which the recorded "
                "rows would ignore: this architecture needs a reader of its own"
            )
    if scaling is None:
        scaling = query.shape[-1] ** -0.5
    groups = query.shape[1] // key.shape[1]
    # Grouped queries against their shared key, without repeating the key in memory.
    grouped = query.unflatten(1, (key.shape[1], groups)).float()
    logits = torch.einsum("bkgqd,bksd->bkgqs", grouped, key.float()).flatten(1, 2) * scaling
    if attention_mask is not None:
        logits = logits + attention_mask[..., : key.shape[2]]
    _recorded.get()[module.layer_idx] = logits.softmax(dim=-1).mean(dim=2)
    return sdpa_attention_forward(
        module, query, key, value, attention_mask, scaling=scaling, **kwargs
    )


AttentionInterface.register(_NAME, _attend_and_record)
# The additive mask is always materialised, so that "no mask" never has to be guessed.
AttentionMaskInterface.register(_NAME, eager_mask)


@contextmanager
def record_mean_attention(model: Any) -> Iterator[dict[int, Tensor]]:
    """Yields a dict that each forward pass fills: layer -> weights ``(batch, heads, keys)``.

    Weights are averaged over the rows, which are the tokens fed to that pass; keys are those in
    the cache and the rows themselves. With a sliding window the oldest keys may be gone: the last
    key is always the last token. Weights are the model's own, in fp32: position encoding, causal
    mask and scaling included.

    Raises:
        InvalidInput: the architecture bends its attention in a way not recorded here.
    """
    before = model.config._attn_implementation
    mean_weights: dict[int, Tensor] = {}
    token = _recorded.set(mean_weights)
    try:
        model.set_attn_implementation(_NAME)
        yield mean_weights
    finally:
        model.set_attn_implementation(before)
        _recorded.reset(token)
