"""What the commands on cells are made of: parsed options, a runner, cells with their prompts."""

from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ablation.filings.filing import FilingSet
from ablation.models.registry import ModelSpec
from experiments.cells.choices import AblationChoice
from experiments.cli.options import PlanSettings, RunSettings, chosen_store
from experiments.machine.files.json_files import check_writable

if TYPE_CHECKING:
    from experiments.cells.cell import Cell
    from experiments.cells.runner import CellRunner
    from experiments.store import Store


def parsed(options: dict[str, Any]) -> tuple[PlanSettings, RunSettings]:
    """What is ablated, and how the model runs."""
    names = {field.name for field in fields(PlanSettings)}
    plan = {name: value for name, value in options.items() if name in names}
    return PlanSettings(**plan), RunSettings(
        **{name: value for name, value in options.items() if name not in names}
    )


def runner_of(
    settings: RunSettings,
    plan: PlanSettings,
    ranking: Path | None = None,
    store: "Store | None" = None,
) -> "CellRunner":
    """What runs cells, into ``store`` or else that of the settings."""
    choice = AblationChoice(plan.mode, plan.scope, plan.bias)
    check_writable(settings.out)
    from experiments.cells.plan import CONTROLS, AblationPlan
    from experiments.cells.runner import CellRunner, ResultsFolder

    store = store or chosen_store(settings.store, settings.fresh)
    controls = () if plan.skip_random else CONTROLS
    chosen = AblationPlan(plan.levels, plan.seed, controls, plan.control_draws, plan.method, choice)
    return CellRunner(store, ResultsFolder(settings.out), chosen, ranking)


def one_cell(settings: RunSettings, spec: ModelSpec, question: str, tokens: int | None) -> "Cell":
    return cells_of(
        settings, spec, (question,), (spec.token_lengths[0] if tokens is None else tokens,)
    )[0]


def cells_of(
    settings: RunSettings,
    spec: ModelSpec,
    questions: tuple[str, ...],
    lengths: tuple[int, ...],
) -> "list[Cell]":
    """Builds a model's cells before the first one runs: bad input costs seconds, not hours."""
    from experiments.cells.cell import build_cell

    filings: FilingSet = settings.filing_set()
    model = settings.open(spec)
    return [
        build_cell(model, filings, question, tokens) for question in questions for tokens in lengths
    ]
