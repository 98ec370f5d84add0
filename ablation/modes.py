"""The modes of ablation: what takes the place of z, each a frozen dataclass.

Nothing but z of the ablated heads is ever replaced. Modes whose replacement comes out of other
texts are made by ``ablation.means`` and ``ablation.resampling``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ablation.attention import AttentionCall
from ablation.errors import InvalidInput
from ablation.protocol import BiasPolicy, Replacement, Scope, Seen
from ablation.sites import LayerSite


@dataclass(frozen=True)
class _OfZ:
    """What all modes have in common.

    Attributes:
        scope: which positions are ablated.
    """

    scope: Scope = field(default=Scope.ALL, kw_only=True)
    mode: ClassVar[str]
    site: ClassVar[str] = "z"
    reads_attention: ClassVar[bool] = False

    def for_prompts(self, model: Any, prompts: Int[Tensor, "batch seq"]) -> Any:
        return self

    def describe(self) -> dict[str, str]:
        return {
            "mode": self.mode,
            "site": self.site,
            "scope": self.scope.value,
            "bias": BiasPolicy.KEEP.value,
        }


@dataclass(frozen=True)
class ZeroAblation(_OfZ):
    """Zero ablation of z: ``z[h] <- 0`` (or ``<- b_V[h]`` with ``BiasPolicy.KEEP``).

    Site: the input of the output projection, so that the head's contribution ``z[h] @ W_O[h]`` to
    the residual stream is exactly 0 (or its constant) and no other head of the layer is touched.
    Later layers see the changed stream.

    When it misleads: zero is off the distribution of z. A head with a large constant output can
    look indispensable although any typical value would do in its place (Zhang & Nanda 2309.16042;
    Li & Janson 2409.09951). A claim that holds under this mode holds under this mode.
    """

    bias: BiasPolicy = field(default=BiasPolicy.REMOVE, kw_only=True)
    mode: ClassVar[str] = "zero"

    def replacement(self, site: LayerSite) -> Replacement:
        if self.bias is BiasPolicy.REMOVE or site.value_bias is None:
            return lambda seen: None
        bias = site.value_bias[None, None]
        return lambda seen: bias

    def describe(self) -> dict[str, str]:
        return {**super().describe(), "bias": self.bias.value}


@runtime_checkable
class LayerTensors(Protocol):
    """A tensor for each layer, which may be computed only when the first is asked for."""

    def __len__(self) -> int: ...

    def __getitem__(self, layer: int) -> Tensor: ...


@dataclass(frozen=True, eq=False)
class MeanAblation(_OfZ):
    """Mean ablation of z: ``z[h] <- mean of z[h]`` over positions of reference texts.

    ``ablation.means`` makes one from a text or from prompts. Site: the input of the output
    projection, as in ``ZeroAblation``; the head's contribution becomes one constant vector, or one
    for each position. The value bias adds the same to every z, hence to the mean: it is kept.

    When it misleads: the mean of a head that attends in a few very different ways is a z that it
    never gives; and a mean over the evaluation text itself tells the ablated model something of
    that text (Li & Janson 2409.09951). A mean by position means something only where the prompts
    are built alike, so that a position is the same part of each.

    Attributes:
        means: for each layer, mean z ``(positions, heads, head_dim)``: of each position, and last
            the mean of all, for the positions beyond; ``positions`` is 1 if there is only that.
        reference: what the mean is over, for result files.
        by_position: whether each position has a mean of its own, which is a mode of its own.
    """

    means: LayerTensors
    reference: str
    by_position: bool = False
    mode: ClassVar[str] = "mean"

    def replacement(self, site: LayerSite) -> Replacement:
        width = site.projection_width
        known = site.layer < len(self.means)
        if not known or self.means[site.layer][-1].numel() != width:
            got = tuple(self.means[site.layer].shape[-2:]) if known else "none"
            raise InvalidInput(
                f"means of layer {site.layer} with {width} values are required, got {got}: take "
                "the means of the model that is ablated"
            )
        means = self.means[site.layer]
        if len(means) == 1:
            return lambda seen: means[None]
        return lambda seen: means[seen.positions.to(means.device).clamp(max=len(means) - 1)]

    def describe(self) -> dict[str, str]:
        mode = "mean_by_position" if self.by_position else self.mode
        return {**super().describe(), "mode": mode, "mean_of": self.reference}


@dataclass(frozen=True, eq=False)
class ResampleAblation(_OfZ):
    """Resample ablation of z: ``z[h] <- z[h]`` of the unablated model on another prompt.

    ``ablation.resampling`` pairs the prompts. Position for position; positions beyond the prompt,
    those of the answer, take the z of the other prompt's last one. All ablated heads of a row take
    theirs from the same prompt. The value bias is kept.

    When it misleads: z is one that the head does give, but of a prompt that says something else:
    what is measured is harm by wrong information as much as by the lack of the right one; and the
    other prompt's answer may be the same (Chan et al. 2022, causal scrubbing; Zhang & Nanda
    2309.16042).

    Attributes:
        donors: token ids of each prompt -> those of the one whose z it gets.
        pairing: how they were paired, for result files.
        z: for each layer, z ``(batch, seq, heads, head_dim)`` of the donors of the rows; empty
            until ``for_prompts``.
    """

    donors: Mapping[tuple[int, ...], tuple[int, ...]]
    pairing: str
    z: Sequence[Tensor] = ()
    mode: ClassVar[str] = "resample"

    def for_prompts(self, model: Any, prompts: Int[Tensor, "batch seq"]) -> "ResampleAblation":
        from ablation.resampling import with_donors

        return with_donors(self, model, prompts)

    def replacement(self, site: LayerSite) -> Replacement:
        if not self.z:
            raise InvalidInput(
                "resample ablation is of prompts, and has not been told which: use for_prompts"
            )
        z = self.z[site.layer]

        def of_the_donors(seen: Seen) -> Tensor:
            positions = seen.positions.to(z.device).clamp(max=z.shape[1] - 1)
            if len(positions) == 1:
                return z[:, positions[0]]
            # Several sets of heads: the same prompts over and over.
            rows = torch.arange(len(positions), device=z.device) % len(z)
            return z[rows[:, None], positions]

        return of_the_donors

    def describe(self) -> dict[str, str]:
        return {**super().describe(), "donors": self.pairing}


@dataclass(frozen=True)
class _Redirected(_OfZ):
    """Modes that give the head other attention weights, and let its values be."""

    reads_attention: ClassVar[bool] = True

    def replacement(self, site: LayerSite) -> Replacement:
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

    When it misleads: it is not an output of about zero, as has been said of it (claim A6), but the
    mean of the past, which carries as much of the context's gist as the values hold.
    """

    mode: ClassVar[str] = "uniform_causal"

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

    mode: ClassVar[str] = "uniform_all"

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

    mode: ClassVar[str] = "bos"

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
