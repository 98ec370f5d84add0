"""The cases of the methods: marked, and the results they share."""

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from ablation.detection.controls import require_controls
from ablation.errors import HeadclaimsError
from experiments.claims import LEVELS
from experiments.plugin.options import chosen_spec

if TYPE_CHECKING:
    from ablation.models.model import Model
    from experiments.cells.cell import Cell
    from experiments.cells.names import CellName
    from experiments.cells.runner import CellRunner
    from experiments.methods.comparison import Comparison, Ranked
    from experiments.methods.mode_runs import ModesCompared
    from experiments.store import Store


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "model" in metafunc.fixturenames:
        metafunc.parametrize("model", [chosen_spec(metafunc.config).key])


@pytest.fixture(autouse=True, scope="session")
def without_folds(pytestconfig: pytest.Config) -> None:
    """Methods are compared over cells that share a split; a fold tests what another detects on."""
    if pytestconfig.getoption("folds"):
        pytest.skip("the methods are compared on one split: run without --folds")


@pytest.fixture(scope="session")
def ranked_together(request: pytest.FixtureRequest) -> None:
    """Ranks the heads by all methods first, if a case of this run compares them.

    QRHead's ranking, which the other cases need, then shares its passes with the other methods'.
    """
    if any("ranked" in getattr(item, "fixturenames", ()) for item in request.session.items):
        with suppress(HeadclaimsError):  # which the cases that compare them report
            request.getfixturevalue("ranked")


@pytest.fixture(scope="session")
def retrieved(
    ranked_together: None,
    cells: "list[CellName]",
    cell_for: "Callable[[CellName], Cell]",
    cell_runner: "CellRunner",
    chosen_model: "Model",
    store: "Store",
) -> list[dict[str, Any]]:
    """For each question, the ranks of the gold paragraphs by the top heads and by others."""
    from ablation.detection.controls import LAYER_MATCHED, UNIFORM
    from experiments.methods.retrieval.evidence import SELECTED, selections
    from experiments.methods.retrieval.runs import gold_ranks

    require_controls(SELECTED, chosen_model.grid)
    built = [cell_for(name) for name in cells]
    chosen = selections(cell_runner.pooled_ranking(built), (LAYER_MATCHED, UNIFORM))
    return gold_ranks(built, chosen, store)


@pytest.fixture(scope="session")
def ranked(
    cells: "list[CellName]", cell_for: "Callable[[CellName], Cell]", store: "Store"
) -> "Ranked":
    """The heads of all cells of this run by the study's three methods; workers share the work."""
    from ablation.detection import QRHEAD, SUMMED_ATTENTION, WU24
    from experiments.methods.comparison import rank_cells

    return rank_cells([cell_for(name) for name in cells], (QRHEAD, WU24, SUMMED_ATTENTION), store)


@pytest.fixture(scope="session")
def level(ranked: "Ranked", levels: tuple[int, ...]) -> int:
    """How many heads of each method are compared."""
    return ranked.common_level(levels) or levels[0]


@pytest.fixture(scope="session")
def compared(
    pytestconfig: pytest.Config,
    cells: "list[CellName]",
    cell_for: "Callable[[CellName], Cell]",
    ranked: "Ranked",
    level: int,
    store: "Store",
) -> "Comparison":
    """The top heads of the three methods ablated in all cells; workers share the work."""
    from experiments.cells.choices import AblationChoice
    from experiments.methods.comparison import Comparison, compare_methods

    if not ranked.rankings:
        return Comparison({}, {}, {}, {})
    return compare_methods(
        [cell_for(name) for name in cells],
        ranked,
        [level],
        AblationChoice(),
        store,
        draws=pytestconfig.getoption("control_draws"),
    )


@pytest.fixture(scope="session")
def modes_compared(
    ranked_together: None,
    pytestconfig: pytest.Config,
    cells: "list[CellName]",
    cell_for: "Callable[[CellName], Cell]",
    cell_runner: "CellRunner",
    chosen_model: "Model",
    store: "Store",
) -> "list[ModesCompared]":
    """The first cell of this run in every mode and scope; in a publication run all of them.

    Every item has a control set of its own in either: these are details, 21 of them, and whole
    draws would cost more than all else. Workers share the work.
    """
    from experiments.cells.gap import ENOUGH_DRAWS
    from experiments.methods.mode_runs import compare_modes

    require_controls(LEVELS[-1], chosen_model.grid)
    publication = pytestconfig.getoption("control_draws") >= ENOUGH_DRAWS
    chosen = [cell_for(name) for name in (cells if publication else cells[:1])]
    ranked = [(cell, cell_runner.pooled_ranking([cell])) for cell in chosen]
    return compare_modes(ranked, LEVELS[-1], store)
