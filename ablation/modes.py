"""What an ablation is, as data: mode, site, scope and bias policy, part of every result."""

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor

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

    Models without value biases (Llama, Mistral, Qwen3) give the same under both.
    """

    REMOVE = "remove"
    """z becomes exactly 0: TransformerBridge's ``hook_z`` zeroing."""

    KEEP = "keep"
    """z becomes the value bias: zeroing after b_V is folded into b_O, as old TransformerLens
    did by default and the exp10 study therefore reports."""


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
        """What stands in for z in the ablated heads of ``site``; None for 0."""
        return site.value_bias if self.bias is BiasPolicy.KEEP else None

    def describe(self) -> dict[str, str]:
        """The ablation as a result file records it."""
        return {
            "mode": self.mode,
            "site": self.site,
            "scope": self.scope.value,
            "bias": self.bias.value,
        }
