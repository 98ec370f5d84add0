"""Fixtures of the QRHead cases: the model, the cells, and their results, computed once a run."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ablation.errors import HeadclaimsError
from experiments.plugin.options import chosen_cells, chosen_filings, chosen_spec, worker_device
from experiments.qrhead.cell_names import CellName

if TYPE_CHECKING:
    from ablation.loading import LoadedModel
    from experiments.qrhead.cells import Cell

CellResult = Callable[[CellName], dict[str, Any]]


@pytest.fixture(scope="session")
def run_folder(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all workers of this run, and for no other run unless ``--out`` names it."""
    chosen = pytestconfig.getoption("out")
    if chosen is not None:
        return chosen.resolve()
    base = tmp_path_factory.getbasetemp()
    # A worker's own folder lies inside the run's.
    in_worker = base.name.startswith("popen-gw")
    return (base.parent if in_worker else base) / "headclaims"


@pytest.fixture(scope="session")
def loaded_model(pytestconfig: pytest.Config) -> "LoadedModel":
    """The model of ``--model``, loaded when first asked for."""
    from ablation.loading import load_model

    with _one_line():
        return load_model(
            chosen_spec(pytestconfig),
            worker_device(pytestconfig),
            pytestconfig.getoption("dtype"),
        )


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
        with _one_line():
            return build_cell(
                loaded_model, chosen_filings(pytestconfig), name.question, name.tokens
            )

    return build


@pytest.fixture(scope="session")
def detection_of(run_folder: Path, cell_for: "Callable[[CellName], Cell]") -> CellResult:
    """Name -> detection document; the first worker that asks computes it, others wait."""
    from experiments.qrhead.runner import CellRunner, ResultsFolder

    runner = CellRunner(ResultsFolder(run_folder))

    def detection(name: CellName) -> dict[str, Any]:
        with _one_line():
            return runner.detect(cell_for(name))

    return detection


@pytest.fixture(scope="session")
def ablation_of(run_folder: Path, cell_for: "Callable[[CellName], Cell]") -> CellResult:
    """Name -> ablation document; the first worker that asks computes it, others wait."""
    from experiments.qrhead.runner import CellRunner, ResultsFolder

    runner = CellRunner(ResultsFolder(run_folder))

    def ablation(name: CellName) -> dict[str, Any]:
        with _one_line():
            return runner.ablate(cell_for(name))

    return ablation


@contextmanager
def _one_line() -> Iterator[None]:
    """What a user can cause fails the case with its message alone."""
    try:
        yield
    except HeadclaimsError as error:
        message = str(error)
    else:
        return
    pytest.fail(message, pytrace=False)
