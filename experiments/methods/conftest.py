"""The cases of the methods: marked, and the results they share."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from experiments.qrhead.cell_names import CellName
    from experiments.qrhead.cells import Cell
    from experiments.qrhead.runner import CellRunner
    from experiments.store import Store

HERE = Path(__file__).parent


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker("model")


@pytest.fixture(scope="session")
def retrieved(
    cells: "list[CellName]",
    cell_for: "Callable[[CellName], Cell]",
    cell_runner: "CellRunner",
    store: "Store",
) -> list[dict[str, Any]]:
    """For each question, the ranks of the gold paragraphs by the top heads and by others."""
    from ablation.controls import LAYER_MATCHED, UNIFORM
    from experiments.methods.retrieval_evidence import selections
    from experiments.methods.retrieval_runs import gold_ranks

    built = [cell_for(name) for name in cells]
    chosen = selections(cell_runner.pooled_ranking(built), (LAYER_MATCHED, UNIFORM))
    return gold_ranks(built, chosen, store)
