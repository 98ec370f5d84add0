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
def built(cells: "list[CellName]", cell_for: "Callable[[CellName], Cell]") -> "list[Cell]":
    """All cells of this run, with their prompts."""
    return [cell_for(name) for name in cells]


@pytest.fixture(scope="session")
def retrieved(
    ranked_together: None, built: "list[Cell]", cell_runner: "CellRunner", chosen_model: "Model"
) -> list[dict[str, Any]]:
    """For each question, the ranks of the gold paragraphs by the top heads and by others."""
    from experiments.methods import measured
    from experiments.methods.retrieval.evidence import SELECTED

    require_controls(SELECTED, chosen_model.grid)
    return measured.retrieved(built, cell_runner)


@pytest.fixture(scope="session")
def ranked(built: "list[Cell]", store: "Store") -> "Ranked":
    """The heads of all cells of this run by the study's three methods; workers share the work."""
    from experiments.methods import measured

    return measured.ranked_by_three(built, store)


@pytest.fixture(scope="session")
def level(ranked: "Ranked", levels: tuple[int, ...]) -> int:
    """How many heads of each method are compared."""
    from experiments.methods import measured

    return measured.common_level(ranked, levels)


@pytest.fixture(scope="session")
def compared(
    pytestconfig: pytest.Config,
    built: "list[Cell]",
    ranked: "Ranked",
    level: int,
    store: "Store",
) -> "Comparison":
    """The top heads of the three methods ablated in all cells; workers share the work."""
    from experiments.methods import measured

    draws = pytestconfig.getoption("control_draws")
    return measured.three_compared(built, ranked, level, store, draws=draws)


@pytest.fixture(scope="session")
def modes_compared(
    ranked_together: None,
    pytestconfig: pytest.Config,
    built: "list[Cell]",
    cell_runner: "CellRunner",
    chosen_model: "Model",
) -> "list[ModesCompared]":
    """The first cell of this run in every mode and scope; in a publication run all of them."""
    from experiments.methods import measured

    require_controls(LEVELS[-1], chosen_model.grid)
    draws = pytestconfig.getoption("control_draws")
    return measured.in_every_mode(built, cell_runner, draws=draws)
