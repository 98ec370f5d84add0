"""Claim A1 once more, with the heads that QRHead's public code finds: does it hang on a choice?

A head is scored by how the question's tokens attend. The study says no more, and the claims keep
these rows. The public code takes the rows that close the chat turn as well (``qrhead_chat``), and
finds other heads. Judged at two of the levels, by a layer-matched set of its own for every item.
"""

from typing import TYPE_CHECKING

import pytest

from experiments.cells.gap import gap_evidence
from experiments.methods.measured import TWO_LEVELS

if TYPE_CHECKING:
    from pathlib import Path

    from experiments.cells.cell import Cell
    from experiments.cells.outcomes import CellOutcomes
    from experiments.store import Store


@pytest.fixture(scope="module")
def by_chat_rows(
    built: "list[Cell]", levels: tuple[int, ...], store: "Store", run_folder: "Path"
) -> "list[CellOutcomes]":
    """The answers in all cells without the heads of ``qrhead_chat``; workers share the work."""
    from experiments.cells.outcomes import read_outcomes
    from experiments.cells.runner import ResultsFolder
    from experiments.methods import measured

    if not any(prompt.closing for cell in built for _, prompt in cell.test):
        pytest.skip("prompts of this style have no chat turn to close: both rankings are one")
    runner = measured.by_chat_rows(levels, store, ResultsFolder(run_folder))
    runner.share(built)
    return [read_outcomes(runner.ablate(cell), runner.controls(cell)) for cell in built]


@pytest.mark.usefixtures("enough_heads")
@pytest.mark.claim("A1", "{level}", of="public rows")
@pytest.mark.parametrize("level", TWO_LEVELS)
def test_top_heads_by_the_public_rows_hurt_more_than_heads_of_the_same_layers(
    level, by_chat_rows, noise, judged
):
    assert judged(gap_evidence(by_chat_rows, level, noise=noise)).holds
