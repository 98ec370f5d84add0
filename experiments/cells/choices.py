"""What is detected and ablated in a cell, in the words of the command line; imports no torch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from ablation.errors import InvalidInput
from ablation.modes import MEAN, MEAN_BY_POSITION, MODES, RESAMPLE, ZERO, BiasPolicy, Scope
from ablation.modes.description import of_prompts

if TYPE_CHECKING:
    from ablation.models.model import Model
    from ablation.modes.protocol import Ablation
    from experiments.cells.cell import Cell, Item

SCOPES = tuple(scope.value for scope in Scope)
BIAS_POLICIES = tuple(bias.value for bias in BiasPolicy)


@dataclass(frozen=True)
class AblationChoice:
    """How heads are ablated in a cell; the study's own way unless something else is said.

    Attributes:
        mode: one of ``MODES``, see ``ablation.modes``. Means are over the cell's detection prompts,
            resampled z is that of other test prompts.
        scope: one of ``SCOPES``, see ``ablation.modes.Scope``.
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

    def of(self, cell: "Cell") -> "CellAblation":
        """The ablation in ``cell``.

        Raises:
            InvalidInput: a test prompt has no other to be resampled from.
        """
        found = CellAblation(self, cell)
        _ = found.description  # what is refused is refused before the model runs
        return found


MEANS_KEPT = 2
"""Over so many sets of prompts, the latest: those of SmolLM2 take 35 MB by position."""

_MEANS: "WeakKeyDictionary[Model, dict[str, Any]]" = WeakKeyDictionary()


@dataclass(frozen=True, eq=False)
class CellAblation:
    """An ablation in one cell: how it is written down and, once something is computed, itself.

    Attributes:
        choice: how heads are ablated.
        cell: where.
    """

    choice: AblationChoice
    cell: "Cell"
    _elsewhere: "CellAblation | None" = None

    @cached_property
    def description(self) -> Mapping[str, str]:
        """What ``made.describe()`` says, found without torch."""
        choice, cell = self.choice, self.cell
        scope, bias = Scope(choice.scope), self._bias
        return of_prompts(choice.mode, scope, bias, _ids(cell.detection), _ids(cell.test))

    @cached_property
    def made(self) -> "Ablation":
        """The ablation; what it needs of prompts is computed when it is applied."""
        scope, mode = Scope(self.choice.scope), self.choice.mode
        if self._elsewhere is not None:
            other: Any = self._elsewhere.made
            return replace(other, scope=scope)
        from ablation.modes.redirected import REDIRECTED
        from ablation.modes.resample import resample_ablation
        from ablation.modes.zero import ZeroAblation

        if mode == ZERO:
            return ZeroAblation(scope=scope, bias=self._bias)
        if mode == RESAMPLE:
            return resample_ablation(_ids(self.cell.test), scope=scope)
        if mode in (MEAN, MEAN_BY_POSITION):
            return replace(self._of_means, scope=scope)
        return REDIRECTED[mode](scope=scope)

    @property
    def _of_means(self) -> Any:
        """The mean ablation whose means an earlier one of the model may have found."""
        from ablation.passes.prompt_means import mean_ablation_of_prompts

        made, of = _MEANS.setdefault(self.cell.model, {}), self.description["mean_of"]
        if of not in made:
            while len(made) >= MEANS_KEPT:
                del made[next(iter(made))]
            loaded, prompts = self.cell.model.loaded, _ids(self.cell.detection)
            made[of] = mean_ablation_of_prompts(
                loaded.model,
                prompts,
                by_position=self.choice.mode == MEAN_BY_POSITION,
                activation_bytes=loaded.engine.activation_bytes,
            )
        return made[of]

    @property
    def _bias(self) -> BiasPolicy:
        return BiasPolicy(self.choice.bias) if self.choice.mode == ZERO else BiasPolicy.KEEP

    def in_scope(self, scope: str) -> "CellAblation":
        """The same at other positions; means and pairs of prompts are shared."""
        return CellAblation(replace(self.choice, scope=scope), self.cell, self)


def _ids(items: "Sequence[Item]") -> list[tuple[int, ...]]:
    return [prompt.ids for _, prompt in items]
