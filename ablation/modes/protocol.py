"""What an ablation is, as data: mode, site, scope and bias policy, part of every result.

The other files of this folder have the modes; the ablator and the engines know nothing but this.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar, Protocol, runtime_checkable

from jaxtyping import Int
from torch import Tensor

from ablation.attention import AttentionCall
from ablation.sites import LayerSite


class Scope(StrEnum):
    """Which positions of which forward passes are ablated."""

    ALL = "all"
    """Every position, in prefill and in decoding (the QRHead ablation study)."""

    DECODE = "decode"
    """Only what is fed on top of a non-empty key-value cache (Wu et al. 2024, arXiv 2404.15574).
    The first token of an answer is then still the unablated model's. Without a cache nothing is
    decoding, and ``HeadAblator`` raises instead of doing nothing."""

    LAST = "last"
    """The positions that tokens of the answer are read from: the last one of the prompt, and all of
    decoding. What the ablated heads wrote at earlier positions stays."""


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


@dataclass(frozen=True)
class Seen:
    """What is known of a layer in one forward pass when z is about to be replaced.

    Attributes:
        positions: where the tokens of the pass stand in their rows; one row if all are alike.
        attention: what its attention was given; None unless the ablation reads it.
    """

    positions: Int[Tensor, "rows seq"]
    attention: AttentionCall | None = None


Replacement = Callable[[Seen], Tensor | None]
"""What stands in for z in a forward pass, ``(batch or 1, seq or 1, heads, head_dim)``; None for
0."""


@runtime_checkable
class Ablation(Protocol):
    """What takes the place of z in the ablated heads; this folder has one after the other.

    Attributes:
        reads_attention: whether the replacement needs ``Seen.attention``.
    """

    reads_attention: ClassVar[bool]

    @property
    def scope(self) -> Scope:
        """Which positions are ablated."""

    def for_prompts(self, model: Any, prompts: Int[Tensor, "batch seq"]) -> "Ablation":
        """The ablation of these rows; itself where a row's prompt makes no difference."""

    def replacement(self, site: LayerSite) -> Replacement:
        """What stands in for z in the ablated heads of ``site``.

        Raises:
            InvalidInput: the ablation is of another model.
        """

    def describe(self) -> dict[str, str]:
        """The ablation as a result file records it: mode, site, scope, bias, and what else."""
