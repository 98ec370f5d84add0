"""The figures of the QRHead ablation study on Llama-3-8B: its table and its result files.

``qrhead_llama3.json`` holds, for each of three detection methods, the 32 cells of the study: how
many answers were correct with nothing ablated, and with its top and its control heads ablated at
each level, and which heads these were. Outcomes of single items were not published.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from ablation.errors import InvalidInput
from ablation.heads import Head, HeadGrid

LLAMA3 = "Llama-3-8B"
"""Both models of the study, Meta-Llama-3-8B and its Instruct variant, pooled."""

FILE = Path(__file__).with_name("qrhead_llama3.json")
STUDY_METHOD = "qrhead"
METHODS = (STUDY_METHOD, "wu24", "summed attention")
VALID_TOKENS = 2048
"""The one length at which the study's heads are detected on the model's own attention.

For longer prompts its code has another path, without rotary positions and without a causal mask: by
the code from 6144 tokens on (QRHead; 6000 for summed attention), by timings and rankings from 4096.
"""

INVALID = (
    "heads detected on a path without rotary positions and causal mask: no attention of the model"
)

TOP, RANDOM = "top", "random"
KINDS = (TOP, RANDOM)


@dataclass(frozen=True)
class Cell:
    """One model, question and length.

    Attributes:
        model, question, tokens: which cell.
        total: items asked, in every condition.
        unablated: of them correct with nothing ablated.
        correct: kind of heads -> level -> correct with so many of them ablated.
        top_heads: the method's heads of the highest level, best first; a level takes the first.
        control_heads: the random heads of the highest level, as drawn; a level takes the first.

    Raises:
        InvalidInput: a count exceeds the total, or a head is listed twice.
    """

    model: str
    question: str
    tokens: int
    total: int
    unablated: int
    correct: Mapping[str, Mapping[int, int]]
    top_heads: tuple[Head, ...]
    control_heads: tuple[Head, ...]

    def __post_init__(self) -> None:
        counts = [self.unablated, *(n for rows in self.correct.values() for n in rows.values())]
        if not all(0 <= count <= self.total for count in counts):
            raise InvalidInput(
                f"{self}: counts from 0 to the total of {self.total} are required, got {counts}"
            )
        for heads in (self.top_heads, self.control_heads):
            if len(set(heads)) != len(heads):
                raise InvalidInput(f"{self}: a head is listed twice: list every head once")

    def __str__(self) -> str:
        return f"{self.model}, {self.question}, {self.tokens} tokens"

    @property
    def unablated_accuracy(self) -> float:
        return self.unablated / self.total

    def drop(self, kind: str, level: int) -> float:
        """Unablated accuracy less that with ``level`` heads of ``kind`` ablated, in [−1, 1]."""
        return (self.unablated - self.correct[kind][level]) / self.total


@dataclass(frozen=True)
class Study:
    """What the study printed and what its files hold.

    Attributes:
        grid: all heads of a model.
        levels: how many heads are ablated.
        table: row (``top``, ``random``, ``gap``) -> level -> printed drop, a fraction.
        cells: detection method -> its cells.
    """

    grid: HeadGrid
    levels: tuple[int, ...]
    table: Mapping[str, Mapping[int, float]]
    cells: Mapping[str, tuple[Cell, ...]]


@cache
def llama3_study() -> Study:
    """The study's figures."""
    document = json.loads(FILE.read_text(encoding="utf-8"))
    levels = tuple(document["levels"])
    return Study(
        HeadGrid.even(document["layers"], document["heads"]),
        levels,
        {
            row: {
                level: round(percent / 100, 3)
                for level, percent in zip(levels, percents, strict=True)
            }
            for row, percents in document["table"].items()
        },
        {
            method: tuple(_cell(entry, levels) for entry in entries)
            for method, entries in document["methods"].items()
        },
    )


def valid(cells: Sequence[Cell]) -> tuple[Cell, ...]:
    """The cells whose heads were detected on the model's own attention."""
    return tuple(cell for cell in cells if cell.tokens == VALID_TOKENS)


def drops(cells: Sequence[Cell], kind: str, level: int) -> Float[np.ndarray, " cells"]:
    """The accuracy lost in each cell."""
    return np.array([cell.drop(kind, level) for cell in cells])


def gaps(cells: Sequence[Cell], level: int) -> Float[np.ndarray, " cells"]:
    """The accuracy lost in each cell with top heads ablated, beyond that with control heads."""
    return drops(cells, TOP, level) - drops(cells, RANDOM, level)


def _cell(entry: Mapping[str, Any], levels: Sequence[int]) -> Cell:
    return Cell(
        **{key: entry[key] for key in ("model", "question", "tokens", "total", "unablated")},
        correct={kind: dict(zip(levels, entry[kind], strict=True)) for kind in KINDS},
        top_heads=_heads(entry["top_heads"]),
        control_heads=_heads(entry["control_heads"]),
    )


def _heads(names: str) -> tuple[Head, ...]:
    return tuple(map(Head.parse, names.split()))
