"""A block on the paper's grid: how long it takes on how many GPUs, and what it costs."""

from experiments.cells.names import UNIFORM_LEVELS
from experiments.cluster.grid.grid import QRHeadGrid, read_grid
from experiments.pages.readmes.markdown import table
from experiments.pages.readmes.stored import Stored
from experiments.published.sources.llama3 import METHODS, llama3_study

GPUS = (1, 8, 64, 1_000)

ANSWER_S = (0.35, 0.62)
"""Seconds of an answer on one GPU, one prompt at a time: measured by the project's audit on the
study's models, and never by us."""

STORED_A_SECOND = 427
"""Results that a driver stores, measured on two processors that it has to share with 64 workers
whose units take no time."""

PRICE = 2.5
"""Dollars that a GPU-hour may cost."""


def paper_grid(stored: Stored) -> str:
    """Wall time and cost of the answers of the grid ``paper``.

    Workers are taken to wait for nothing but the driver; loading models and detection come on top.
    """
    answers = _answers()
    rows = []
    for gpus in GPUS:
        slowest = answers / STORED_A_SECOND
        hours = [max(answers * seconds / gpus, slowest) / 3600 for seconds in ANSWER_S]
        bound = "the driver" if gpus / ANSWER_S[0] > STORED_A_SECOND else "GPUs"
        dollars = [gpus * hour * PRICE for hour in hours]
        rows.append((f"{gpus:,}", _time(hours), _span([f"{d:,.0f}" for d in dollars]), bound))
    header = ("GPUs", f"time of {answers:,} answers", f"dollars, at {PRICE} a GPU-hour", "bound by")
    return table(header, rows)


def _answers() -> int:
    """Of the study's cells, with as many test filings as it had in each."""
    grid = read_grid("paper").qrhead
    assert isinstance(grid, QRHeadGrid)
    # Unablated; at every level top heads, uniform ones, and the layer-matched draws.
    conditions = 1 + len(grid.levels) * (2 + grid.draws)
    conditions += (grid.draws - 1) * len({*grid.levels} & {*UNIFORM_LEVELS})
    cells = llama3_study().cells[METHODS[0]]
    assert len(cells) == len(grid.models) * len(grid.questions) * len(grid.tokens)
    return conditions * sum(cell.total for cell in cells)


def _time(hours: list[float]) -> str:
    if min(hours) >= 1:
        return _span([f"{hour:.0f}" for hour in hours]) + " h"
    return _span([f"{60 * hour:.0f}" for hour in hours]) + " min"


def _span(ends: list[str]) -> str:
    return ends[0] if len(set(ends)) == 1 else " to ".join(ends)
