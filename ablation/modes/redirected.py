"""Redirected attention: the head keeps its values and is given other weights, uniform or on BOS."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from ablation.hooks.attention_call import AttentionCall
from ablation.hooks.sites import LayerSite
from ablation.modes import BOS, UNIFORM_ALL, UNIFORM_CAUSAL
from ablation.modes.base import OfZ
from ablation.modes.protocol import Replacement, Seen


@dataclass(frozen=True)
class _Redirected(OfZ):
    """Modes that give the head other attention weights, and let its values be."""

    reads_attention: ClassVar[bool] = True

    def replacement(self, site: LayerSite) -> Replacement:
        site.require_mean_of_values(f"{self.mode} ablation")

        def with_other_weights(seen: Seen) -> Tensor:
            if seen.attention is None:
                raise RuntimeError("the attention was not observed")
            by_kv_head = self.output(seen.attention)
            # Grouped-query attention: neighbouring query heads share a key-value head.
            groups = seen.attention.query.shape[1] // by_kv_head.shape[1]
            return by_kv_head.repeat_interleave(groups, dim=1).transpose(1, 2)

        return with_other_weights

    def output(
        self, attention: AttentionCall
    ) -> Float[Tensor, "batch kv_heads rows_or_1 value_dim"]:
        """What the weights make of the values."""
        raise NotImplementedError


@dataclass(frozen=True)
class UniformCausalAblation(_Redirected):
    """Uniform attention: ``z_t[h] <- mean of v_s[h] over the s that t may see``.

    What zeroed queries do, the flash-attention path of Wu et al. (2024, arXiv 2404.15574, the
    code): their logits are equal, so the softmax gives every visible position the same weight.
    Where a sliding window or padding hides positions, those get none. The value bias is kept.
    (Under ALiBi a zeroed query alone would leave the bias of near keys; here there is none.)

    When it misleads: it is not an output of about zero, as has been said of it (claim A6), but the
    mean of the past, which carries as much of the context's gist as the values hold.
    """

    mode: ClassVar[str] = UNIFORM_CAUSAL

    def output(self, attention: AttentionCall) -> Tensor:
        return mean_of_visible(attention)


@dataclass(frozen=True)
class UniformAllAblation(_Redirected):
    """Uniform attention without the mask: ``z_t[h] <- mean of v_s[h] over all s of the prompt``.

    A HISTORICAL ODDITY, kept to be measured: logits zeroed *after* the mask was added, the other
    path of Wu et al. (2024, arXiv 2404.15574, the code). In prefill every position then sees the
    whole prompt, THE FUTURE AND ANY PADDING INCLUDED: the model is no longer causal, and a
    perplexity under it has seen the words it predicts. While decoding there is no future, and it
    is ``UniformCausalAblation``. The value bias is kept.
    """

    mode: ClassVar[str] = UNIFORM_ALL
    reads_ahead: ClassVar[bool] = True

    def output(self, attention: AttentionCall) -> Tensor:
        if attention.is_prefill:
            return attention.value.mean(dim=2, keepdim=True)
        return mean_of_visible(attention)


@dataclass(frozen=True)
class BosAblation(_Redirected):
    """Attention redirected to the beginning: ``z_t[h] <- v_0[h]``.

    0 is the first token that t may see: BOS, or the opening of the chat turn; under a sliding
    window the oldest in it. The value bias is kept.

    When it misleads: many heads rest on the first token when they have nothing to do (attention
    sinks, Xiao et al. 2309.17453), so it is close to what an idle head gives; a head whose work is
    to write the value of the first token is not ablated by it at all.
    """

    mode: ClassVar[str] = BOS

    def output(self, attention: AttentionCall) -> Tensor:
        if attention.mask is None:
            return attention.value[:, :, :1]
        first = attention.visible[:, 0].int().argmax(dim=-1)
        batch, kv_heads, _, width = attention.value.shape
        places = first[:, None, :, None].expand(batch, kv_heads, -1, width)
        return attention.value.gather(2, places)


REDIRECTED = {mode.mode: mode for mode in (UniformCausalAblation, UniformAllAblation, BosAblation)}
"""The modes that need nothing but the model, by name."""


def mean_of_visible(
    attention: AttentionCall,
) -> Float[Tensor, "batch kv_heads rows value_dim"]:
    """The mean of the values that each row may look at."""
    value = attention.value.float()
    rows = attention.query.shape[2]
    if attention.mask is None and attention.is_prefill:
        counts = torch.arange(1, rows + 1, device=value.device)[:, None]
        means = value.cumsum(dim=2) / counts
    else:
        visible = attention.visible.float()
        # A row of padding may see nothing.
        means = visible @ value / visible.sum(dim=-1, keepdim=True).clamp(min=1)
    return means.to(attention.value)
