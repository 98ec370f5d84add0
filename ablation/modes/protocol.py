"""What an ablation is, as data: mode, site, scope and bias policy, part of every result.

The other files of this folder have the modes; the ablator and the engines know nothing but this.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, runtime_checkable

from jaxtyping import Int
from torch import Tensor

from ablation.hooks.attention_call import AttentionCall
from ablation.hooks.sites import LayerSite
from ablation.modes import Scope


@dataclass(frozen=True)
class Seen:
    """What is known of a layer in one forward pass when z is about to be replaced.

    Attributes:
        positions: where the tokens of the pass stand in their prompts; one row if all rows are
            alike.
        prompts: which prompt each token is of, by its place among those of ``for_prompts``, a row
            or a token at a time; None: row i is of prompt i, over and over.
        attention: what its attention was given; None unless the ablation reads it.
    """

    positions: Int[Tensor, "rows seq"]
    prompts: Int[Tensor, "rows seq_or_1"] | None = None
    attention: AttentionCall | None = None


Replacement = Callable[[Seen], Tensor | None]
"""What stands in for z in a forward pass, ``(batch or 1, seq or 1, heads, head_dim)``; None for
0."""


@runtime_checkable
class Ablation(Protocol):
    """What takes the place of z in the ablated heads; this folder has one after the other.

    Attributes:
        reads_attention: whether the replacement needs ``Seen.attention``.
        reads_ahead: whether what stands in for z of a token depends on what comes after it.
        tells_prompts_apart: whether it depends on the prompt beyond its tokens up to there.
            Prompts that begin alike are the same computation so far only if neither holds.
    """

    reads_attention: ClassVar[bool]
    reads_ahead: ClassVar[bool]
    tells_prompts_apart: ClassVar[bool]

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
