"""What an ablation is, as data: mode, site, scope and bias policy, part of every result."""

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor

from ablation.errors import InvalidInput
from ablation.sites import LayerSite


class Scope(StrEnum):
    """Which forward passes are ablated."""

    ALL = "all"
    """Every position, in prefill and in decoding (the QRHead ablation study)."""

    DECODE = "decode"
    """Only what is fed on top of a non-empty key-value cache (Wu et al. 2024, arXiv 2404.15574).
    Without a cache nothing is decoding, and ``HeadAblator`` raises instead of doing nothing."""


class BiasPolicy(StrEnum):
    """Whether the value bias, a constant that every token adds to z, is part of what is removed.

    It is the bias of the value projection plus, where the normalisation ahead of the attention has
    a bias (GPT-2's LayerNorm), what the value weights make of that. Models without either (Llama,
    Mistral, Qwen3) give the same under both policies.
    """

    REMOVE = "remove"
    """z becomes exactly 0: TransformerBridge's ``hook_z`` zeroing."""

    KEEP = "keep"
    """z becomes the value bias: ``hook_z`` zeroing in TransformerLens's compatibility mode, the
    default of old, which folds the normalisation into b_V and b_V into b_O before a head is
    zeroed. The exp10 study reports this."""


@runtime_checkable
class Ablation(Protocol):
    """What takes the place of z in the ablated heads; each one is a frozen dataclass below."""

    @property
    def scope(self) -> Scope:
        """Which forward passes are ablated."""

    def replacement(self, site: LayerSite) -> Float[Tensor, "heads head_dim"] | None:
        """What stands in for z in the ablated heads of ``site``; None for 0."""

    def describe(self) -> dict[str, str]:
        """The ablation as a result file records it: mode, site, scope, bias, and what else."""


@dataclass(frozen=True)
class ZeroAblation:
    """Zero ablation of z: ``z[h] <- 0`` (or ``<- b_V[h]`` with ``BiasPolicy.KEEP``).

    Site: the input of the output projection, so that the head's contribution ``z[h] @ W_O[h]`` to
    the residual stream is exactly 0 (or its constant) and no other head of the layer is touched.
    Later layers see the changed stream.

    When it misleads: zero is off the distribution of z. A head with a large constant output can
    look indispensable although any typical value would do in its place (Zhang & Nanda 2309.16042;
    Li & Janson 2409.09951). A claim that holds under this mode holds under this mode.
    """

    scope: Scope = Scope.ALL
    bias: BiasPolicy = BiasPolicy.REMOVE
    mode: ClassVar[str] = "zero"
    site: ClassVar[str] = "z"

    def replacement(self, site: LayerSite) -> Float[Tensor, "heads head_dim"] | None:
        return site.value_bias if self.bias is BiasPolicy.KEEP else None

    def describe(self) -> dict[str, str]:
        return {
            "mode": self.mode,
            "site": self.site,
            "scope": self.scope.value,
            "bias": self.bias.value,
        }


@dataclass(frozen=True, eq=False)
class MeanAblation:
    """Mean ablation of z: ``z[h] <- mean of z[h]`` over all positions of a reference text.

    ``ablation.means.mean_ablation`` makes one from a text. Site: the input of the output
    projection, as in ``ZeroAblation``; the head's contribution becomes one constant vector. The
    value bias adds the same to every z, hence to the mean: it is kept, whatever its policy.

    When it misleads: the mean of a head that attends in a few very different ways is a z that it
    never gives; and a mean over the evaluation text itself tells the ablated model something of
    that text (Li & Janson 2409.09951).

    Attributes:
        means: for each layer, mean z ``(heads, head_dim)``.
        reference: which text the mean is over, for result files.
        scope: which forward passes are ablated.
    """

    means: tuple[Tensor, ...]
    reference: str
    scope: Scope = Scope.ALL
    mode: ClassVar[str] = "mean"
    site: ClassVar[str] = "z"

    def replacement(self, site: LayerSite) -> Float[Tensor, "heads head_dim"] | None:
        width = site.projection_width
        if site.layer >= len(self.means) or self.means[site.layer].numel() != width:
            shapes = [tuple(mean.shape) for mean in self.means[site.layer : site.layer + 1]]
            raise InvalidInput(
                f"means of layer {site.layer} with {width} values are required, got "
                f"{shapes[0] if shapes else 'none'}: take the means of the model that is ablated"
            )
        return self.means[site.layer]

    def describe(self) -> dict[str, str]:
        return {
            "mode": self.mode,
            "site": self.site,
            "scope": self.scope.value,
            "bias": BiasPolicy.KEEP.value,
            "mean_of": self.reference,
        }
