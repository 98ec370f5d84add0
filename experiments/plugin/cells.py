"""Fixtures of the QRHead cases: the cells and their results, computed once a run."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ablation.detection.controls import levels_with_controls, require_controls
from experiments.cells.names import CellName
from experiments.claims import LEVELS
from experiments.plugin.options import chosen_cells, chosen_filings

if TYPE_CHECKING:
    from ablation.models.model import Model
    from experiments.cells.cell import Cell
    from experiments.cells.outcomes import CellOutcomes
    from experiments.cells.runner import CellRunner
    from experiments.store import Store

CellResult = Callable[[CellName], dict[str, Any]]
CellDraws = Callable[[CellName], list[dict[str, Any]]]


@pytest.fixture(scope="session")
def cells(pytestconfig: pytest.Config) -> list[CellName]:
    """All cells of this run, for claims about cells pooled."""
    return chosen_cells(pytestconfig)


@pytest.fixture(scope="session")
def cell_for(pytestconfig: pytest.Config, chosen_model: "Model") -> "Callable[[CellName], Cell]":
    """Name -> the cell with its prompts built."""
    from experiments.cells.cell import build_cell

    @cache
    def build(name: CellName) -> "Cell":
        filings = chosen_filings(pytestconfig)
        return build_cell(chosen_model, filings, name.question, name.tokens, name.fold)

    return build


@pytest.fixture(scope="session")
def levels(chosen_model: "Model") -> tuple[int, ...]:
    """The study's levels at which the model has as many other heads, for a control."""
    require_controls(LEVELS[0], chosen_model.grid)
    return levels_with_controls(LEVELS, chosen_model.grid)


@pytest.fixture
def enough_heads(request: pytest.FixtureRequest, chosen_model: "Model") -> None:
    """Blocks a claim about a level, or else about all of them, that the model is too small for."""
    params = getattr(request.node, "callspec", None)
    level = params.params.get("level", LEVELS[-1]) if params else LEVELS[-1]
    require_controls(level, chosen_model.grid)


@pytest.fixture(scope="session")
def cell_runner(
    pytestconfig: pytest.Config, store: "Store", run_folder: Path, levels: tuple[int, ...]
) -> "CellRunner":
    """Runs cells into the store; the first worker that asks computes, others wait."""
    from experiments.cells.plan import AblationPlan
    from experiments.cells.runner import CellRunner, ResultsFolder

    plan = AblationPlan(levels, control_draws=pytestconfig.getoption("control_draws"))
    return CellRunner(store, ResultsFolder(run_folder), plan)


@pytest.fixture(scope="session")
def detection_of(cell_runner: "CellRunner", cell_for: "Callable[[CellName], Cell]") -> CellResult:
    """Name -> detection document."""
    return cache(lambda name: cell_runner.detect(cell_for(name)))


@pytest.fixture(scope="session")
def ablation_of(cell_runner: "CellRunner", cell_for: "Callable[[CellName], Cell]") -> CellResult:
    """Name -> ablation document."""
    return cache(lambda name: cell_runner.ablate(cell_for(name)))


@pytest.fixture(scope="session")
def controls_of(cell_runner: "CellRunner", cell_for: "Callable[[CellName], Cell]") -> CellDraws:
    """Name -> the documents of the layer-matched and the further uniform control draws."""
    return cache(lambda name: cell_runner.controls(cell_for(name)))


@pytest.fixture(scope="session")
def outcomes_of(
    ablation_of: CellResult, controls_of: CellDraws
) -> "Callable[[CellName], CellOutcomes]":
    """Name -> the answers under every condition."""
    from experiments.cells.outcomes import read_outcomes

    return cache(lambda name: read_outcomes(ablation_of(name), controls_of(name)))


@pytest.fixture(scope="session")
def all_outcomes(
    cells: list[CellName],
    cell_runner: "CellRunner",
    cell_for: "Callable[[CellName], Cell]",
    outcomes_of: "Callable[[CellName], CellOutcomes]",
) -> "list[CellOutcomes]":
    """Of all cells of this run, for claims about cells pooled; workers share the work."""
    cell_runner.share([cell_for(name) for name in cells])
    return [outcomes_of(name) for name in cells]


@pytest.fixture(scope="session")
def noise(
    cells: list[CellName], cell_runner: "CellRunner", cell_for: "Callable[[CellName], Cell]"
) -> float:
    """Run-to-run noise of accuracies, measured once for the model, on the first cell."""
    return cell_runner.noise(cell_for(cells[0]))["noise"]
