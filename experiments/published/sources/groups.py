"""Groups of cells, for figures by model, by question and by length."""

from collections.abc import Iterable, Mapping
from typing import Any

from experiments.published.sources.llama3 import Cell

AXES = ("model", "question", "tokens")

GROUPS: Mapping[str, tuple[str, Any]] = {
    "instruct": ("model", "instruct"),
    "base": ("model", "base"),
    "inc_state": ("question", "inc_state"),
    "inc_year": ("question", "inc_year"),
    "employee_count": ("question", "employee_count"),
    "hq_state": ("question", "hq_state"),
    "2048 tokens": ("tokens", 2048),
    "4096 tokens": ("tokens", 4096),
    "6144 tokens": ("tokens", 6144),
    "8192 tokens": ("tokens", 8192),
}
"""Name -> attribute of a cell and its value."""

ALL = "all cells"

LENGTHS = tuple(value for axis, value in GROUPS.values() if axis == "tokens")


def of_length(name: str) -> int | None:
    """The length that a group is of, in tokens; None where it is of a model or a question."""
    axis, value = GROUPS[name]
    return value if axis == "tokens" else None


def group(cells: Iterable[Cell], name: str) -> tuple[Cell, ...]:
    """The cells of a group."""
    axis, value = GROUPS[name]
    return tuple(cell for cell in cells if getattr(cell, axis) == value)
