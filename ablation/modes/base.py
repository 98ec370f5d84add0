"""What all modes have in common: z of the ablated heads is replaced, and nothing else."""

from dataclasses import dataclass, field
from typing import Any, ClassVar

from jaxtyping import Int
from torch import Tensor

from ablation.modes import Scope
from ablation.modes.description import described


@dataclass(frozen=True)
class OfZ:
    """A mode of ablation of z; the value bias is kept unless the mode says otherwise.

    Attributes:
        scope: which positions are ablated.
    """

    scope: Scope = field(default=Scope.ALL, kw_only=True)
    mode: ClassVar[str]
    reads_attention: ClassVar[bool] = False
    reads_ahead: ClassVar[bool] = False
    tells_prompts_apart: ClassVar[bool] = False

    def for_prompts(self, model: Any, prompts: Int[Tensor, "batch seq"]) -> Any:
        return self

    def describe(self) -> dict[str, str]:
        return described(self.mode, self.scope)
