"""What a model gives its attention, by a kernel of our own under transformers' own registry.

Independent of ``ablation.hooks.attention``: for tests of what is made of it.
"""

import sys

import torch
from transformers import AttentionInterface
from transformers.masking_utils import AttentionMaskInterface, eager_mask

from ablation.tests.support.eager_attention import eager_attention

_NAME = "noting"
_given: list[tuple[torch.Tensor, torch.Tensor]] = []


def _noting(module, query, key, value, mask, **kwargs):
    eager = sys.modules[type(module).__module__].eager_attention_forward
    _given.append((value, mask[..., : key.shape[2]]))
    return eager(module, query, key, value, mask, **kwargs)


def _noting_method(method):
    """The same where a family has no kernel: what has weight in its own method is visible."""

    def attn(query, key, value, attention_mask=None):
        output, weights = method(query, key, value, attention_mask)
        _given.append((value, torch.where(weights[:, :1] > 0, 0.0, -torch.inf)))
        return output, weights

    return attn


AttentionInterface.register(_NAME, _noting)
AttentionMaskInterface.register(_NAME, eager_mask)


@torch.no_grad()
def values_and_visible(model, ids, layer):
    """Of a layer, for one row without a cache: what its heads average, and what each row may see.

    Returns:
        values: ``(seq, heads, value_dim)``, each query head its own.
        visible: ``(seq, seq)``, True where a query (first) may look at a key.
    """
    before = model.config._attn_implementation
    _given.clear()
    with_method = [module for module in model.modules() if hasattr(type(module), "_attn")]
    if not (with_method or model._can_set_attn_implementation()):
        return _cached_and_weighed(model, ids, layer)
    try:
        for module in with_method:
            module._attn = _noting_method(module._attn)
        if not with_method:
            model.set_attn_implementation(_NAME)
        model(torch.tensor([list(ids)]), use_cache=False)
    finally:
        for module in with_method:
            del module._attn
        model.set_attn_implementation(before)
    value, mask = _given[layer]
    return _of_each_head(model, value), mask[0, 0] == 0


def _cached_and_weighed(model, ids, layer):
    """The same of a family that has neither: what it caches, and what has weight."""
    cache = model(torch.tensor([list(ids)]), use_cache=True).past_key_values
    weights = eager_attention(model, list(ids))[layer, 0]
    return _of_each_head(model, cache.layers[layer].values), weights > 0


def _of_each_head(model, value):
    groups = model.config.num_attention_heads // value.shape[1]
    return value[0].repeat_interleave(groups, dim=0).transpose(0, 1)
