"""What is detected and ablated in a cell, in the words of the command line; imports no torch."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ablation.errors import InvalidInput

if TYPE_CHECKING:
    from ablation.modes.protocol import Ablation
    from experiments.cells.cell import Cell

ZERO = "zero"
MODES = (ZERO, "mean", "mean_by_position", "resample", "uniform_causal", "uniform_all", "bos")
SCOPES = ("all", "decode", "last")
BIAS_POLICIES = ("remove", "keep")


@dataclass(frozen=True)
class AblationChoice:
    """How heads are ablated in a cell; the study's own way unless something else is said.

    Attributes:
        mode: one of ``MODES``, see ``ablation.modes``. Means are over the cell's detection prompts,
            resampled z is that of other test prompts.
        scope: one of ``SCOPES``, see ``ablation.modes.protocol.Scope``.
        bias: for ``zero``, ``remove`` or ``keep``; the other modes keep the value bias.

    Raises:
        InvalidInput: an unknown mode, scope or bias policy, or ``keep`` with another mode.
    """

    mode: str = ZERO
    scope: str = SCOPES[0]
    bias: str = BIAS_POLICIES[0]

    def __post_init__(self) -> None:
        for name, value, known in (
            ("--mode", self.mode, MODES),
            ("--scope", self.scope, SCOPES),
            ("--bias", self.bias, BIAS_POLICIES),
        ):
            if value not in known:
                raise InvalidInput(f"{name} must be one of {', '.join(known)}, got {value!r}")
        if self.bias != BIAS_POLICIES[0] and self.mode != ZERO:
            raise InvalidInput(
                f"--bias {self.bias} goes with --mode {ZERO} only: the others keep the value bias "
                "as it is; leave --bias out"
            )

    @property
    def tag(self) -> str:
        """What file names say of it: nothing of the study's own way."""
        parts = [
            *([self.mode] if self.mode != ZERO else []),
            *([self.scope] if self.scope != SCOPES[0] else []),
            *([f"{self.bias}_bias"] if self.bias != BIAS_POLICIES[0] else []),
        ]
        return "".join(f"_{part}" for part in parts)

    def of(self, cell: "Cell") -> "Ablation":
        """The ablation in ``cell``; what it needs of prompts is computed when it is applied.

        Raises:
            InvalidInput: a test prompt has no other to be resampled from.
        """
        from ablation import modes
        from ablation.modes.mean import mean_ablation_of_prompts
        from ablation.modes.protocol import BiasPolicy, Scope
        from ablation.modes.resample import resample_ablation

        scope = Scope(self.scope)
        if self.mode == ZERO:
            return modes.ZeroAblation(scope=scope, bias=BiasPolicy(self.bias))
        if self.mode == "resample":
            return resample_ablation([prompt.ids for _, prompt in cell.test], scope=scope)
        if self.mode in ("mean", "mean_by_position"):
            return mean_ablation_of_prompts(
                cell.loaded.model,
                [prompt.ids for _, prompt in cell.detection],
                by_position=self.mode == "mean_by_position",
                scope=scope,
            )
        return modes.REDIRECTED[self.mode](scope=scope)
