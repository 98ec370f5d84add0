"""The top heads of one cell ablated in every mode and scope."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ablation.detection.controls import (
    CONTROL_SEED,
    LAYER_MATCHED,
    displaced,
    matched_draws,
)
from ablation.detection.ranking import HeadRanking
from ablation.errors import InvalidInput
from ablation.modes.refused import refused
from experiments.cells.cell import Cell, prompts_sha256
from experiments.cells.choices import MODES, SCOPES, AblationChoice
from experiments.cells.conditions import Heads, run_conditions
from experiments.cells.controls import drawn, first_set
from experiments.cells.grading import Outcomes
from experiments.cells.outcomes import CellOutcomes
from experiments.machine.provenance import merged
from experiments.store import Store, WorkUnit

ModeAndScope = tuple[str, str]


@dataclass(frozen=True)
class ModesCompared:
    """One cell in every mode and scope.

    Attributes:
        outcomes: the answers with the top heads ablated, and with layer-matched control heads.
        refused: mode -> why the model's family does not allow it, or the prompts of the cell.
        displaced: how many control heads (of the first draw) lie in layers where the top heads have
            no counterpart.
        provenance: how they came about.
    """

    outcomes: Mapping[ModeAndScope, CellOutcomes]
    refused: Mapping[str, str]
    displaced: int
    provenance: Mapping[str, Any]


def compare_modes(
    ranked: Sequence[tuple[Cell, HeadRanking]],
    level: int,
    store: Store,
    *,
    draws: int = 1,
    seed: int = CONTROL_SEED,
) -> list[ModesCompared]:
    """The answers of cells with their top heads ablated in every mode and scope they allow.

    Processes that are at it together share the work, a mode of a cell each.

    Args:
        ranked: each cell, and the ranking of its heads.
        level: how many of the top ones are ablated, and of as many layer-matched control heads.
        store: where answers are kept.
        draws: of control heads, with consecutive seeds; with 1 every item has a set of its own.
        seed: the first.

    Raises:
        InvalidInput: too few heads.
        ComputationError: the logits are NaN.
        ResultsError: a result cannot be stored.
    """
    drawn_in = [
        [drawn(cell, ranking, level, draw) for draw in matched_draws(draws, seed)]
        for cell, ranking in ranked
    ]
    jobs = [
        _InModes(cell, [(), ranking.top(level), *controls])
        for (cell, ranking), controls in zip(ranked, drawn_in, strict=True)
    ]
    for job in jobs:
        for mode in job.modes:
            # What a mode needs of the prompts is best computed by one process for all scopes.
            with store.claimed([job.at_it(mode)]) as mine:
                if mine:
                    job.in_mode(mode, store, wait=False)
    found: list[dict[ModeAndScope, list[Outcomes]]] = [
        {how: answers for mode in job.modes for how, answers in job.in_mode(mode, store).items()}
        for job in jobs
    ]
    return [
        ModesCompared(
            {how: _outcomes(cell, level, answers) for how, answers in of_cell.items()},
            job.refused,
            displaced(ranking.top(level), first_set(controls[0])),
            merged(one.provenance for of_mode in of_cell.values() for one in of_mode),
        )
        for (cell, ranking), controls, job, of_cell in zip(
            ranked, drawn_in, jobs, found, strict=True
        )
    ]


@dataclass(frozen=True)
class _InModes:
    """One cell under sets of heads that are ablated in every mode and scope.

    Attributes:
        cell: model and prompts.
        sets: the heads that are ablated together.
    """

    cell: Cell
    sets: Sequence[Heads]

    @cached_property
    def refused(self) -> dict[str, str]:
        """Mode -> why the family of the model does not allow it, or the prompts of the cell."""
        found = {mode: self._refusal(mode) for mode in MODES}
        return {mode: reason for mode, reason in found.items() if reason is not None}

    def _refusal(self, mode: str) -> str | None:
        if (reason := refused(self.cell.model.family, mode)) is not None:
            return reason
        try:
            AblationChoice(mode).of(self.cell)
        except InvalidInput as error:  # one prompt has no other to be resampled from
            return f"{mode}: {error}"
        return None

    @property
    def modes(self) -> list[str]:
        """Those that it allows."""
        return [mode for mode in MODES if mode not in self.refused]

    def at_it(self, mode: str) -> WorkUnit:
        """What a process claims that is at a mode."""
        of = {
            **self.cell.model.key(),
            "prompts_sha256": prompts_sha256(self.cell.test),
            "mode": mode,
        }
        return WorkUnit("mode", of, f"answers under mode {mode}")

    def in_mode(self, mode: str, store: Store, *, wait: bool = True) -> dict[ModeAndScope, Any]:
        """The outcomes in every scope under every set; None for those others are at.

        What the mode needs of the prompts is shared by the scopes, and let go.
        """
        everywhere = AblationChoice(mode).of(self.cell)
        return {
            (mode, scope): run_conditions(
                self.cell, self.sets, everywhere.in_scope(scope), store, wait=wait
            )
            for scope in SCOPES
        }


def _outcomes(cell: Cell, level: int, found: Sequence[Outcomes]) -> CellOutcomes:
    unablated, top, *controls = found
    return CellOutcomes(
        cell.question,
        cell.tokens,
        unablated.companies,
        unablated.correct,
        {level: top.correct},
        {LAYER_MATCHED: [{level: control.correct} for control in controls]},
        (LAYER_MATCHED,) if len(controls) == 1 else (),
    )
