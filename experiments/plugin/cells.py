"""Fixtures of the QRHead cases: the cells and their results, computed once a run."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from experiments.plugin.options import chosen_cells, chosen_filings
from experiments.qrhead.cell_names import CellName

if TYPE_CHECKING:
    from ablation.loading import LoadedModel
    from experiments.qrhead.cells import Cell
    from experiments.qrhead.runner import CellRunner

CellResult = Callable[[CellName], dict[str, Any]]


@pytest.fixture(scope="session")
def cells(pytestconfig: pytest.Config) -> list[CellName]:
    """All cells of this run, for claims about cells pooled."""
    return chosen_cells(pytestconfig)


@pytest.fixture(scope="session")
def cell_for(
    pytestconfig: pytest.Config, loaded_model: "LoadedModel"
) -> "Callable[[CellName], Cell]":
    """Name -> the cell with its prompts built."""
    from experiments.qrhead.cells import build_cell

    @cache
    def build(name: CellName) -> "Cell":
        return build_cell(loaded_model, chosen_filings(pytestconfig), name.question, name.tokens)

    return build


@pytest.fixture(scope="session")
def cell_runner(run_folder: Path) -> "CellRunner":
    """Runs cells into this run's folder; the first worker that asks computes, others wait."""
    from experiments.qrhead.runner import CellRunner, ResultsFolder

    return CellRunner(ResultsFolder(run_folder))


@pytest.fixture(scope="session")
def detection_of(cell_runner: "CellRunner", cell_for: "Callable[[CellName], Cell]") -> CellResult:
    """Name -> detection document."""
    return lambda name: cell_runner.detect(cell_for(name))


@pytest.fixture(scope="session")
def ablation_of(cell_runner: "CellRunner", cell_for: "Callable[[CellName], Cell]") -> CellResult:
    """Name -> ablation document."""
    return lambda name: cell_runner.ablate(cell_for(name))
