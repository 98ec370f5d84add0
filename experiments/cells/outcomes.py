"""What a cell found, read out of its documents: which filings each condition got right."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ablation.detection.controls import UNIFORM
from ablation.errors import InvalidInput
from ablation.stats.gap import Survival, gap_interval
from ablation.stats.interval import Interval
from experiments.cells.names import RANDOM, TOP

Answers = Mapping[str, bool]
"""Filing -> whether its answer is right."""


@dataclass(frozen=True)
class CellOutcomes:
    """The answers of one cell under every condition.

    Attributes:
        question, tokens: the cell.
        companies: filing -> its company: filings of one company are one cluster.
        unablated: the answers of the model as it is.
        top: level -> the answers with the top heads ablated.
        controls: kind of control -> for each of its draws, level -> answers; a draw may have fewer
            levels than the top heads.
        own_sets: the kinds of which every item had a set of heads of its own.
    """

    question: str
    tokens: int
    companies: Mapping[str, str]
    unablated: Answers
    top: Mapping[int, Answers]
    controls: Mapping[str, Sequence[Mapping[int, Answers]]]
    own_sets: Collection[str] = ()

    @property
    def accuracy(self) -> float:
        """Of the unablated model."""
        return sum(self.unablated.values()) / len(self.unablated)


def read_outcomes(
    document: Mapping[str, Any], controls: Sequence[Mapping[str, Any]] = ()
) -> CellOutcomes:
    """The outcomes in a cell's ablation document and those of its further control draws."""
    items = document["baseline"]["items"]
    drawn: dict[str, list[Mapping[int, Answers]]] = {UNIFORM: [_by_level(document[RANDOM])]}
    for control in controls:
        by_level = _by_level(control["ablations"])
        drawn.setdefault(control["control"]["kind"], []).append(by_level)
    own_sets = {one["control"]["kind"] for one in controls if one["control"].get("by_item")}
    return CellOutcomes(
        document["question"],
        document["total_tokens"],
        {item["filing"]: item["company"] for item in items},
        _answers(items),
        _by_level(document[TOP]),
        drawn,
        own_sets,
    )


def without_folds(cells: Sequence[CellOutcomes]) -> list[CellOutcomes]:
    """The cells, those that ask one question at one length about different filings as one.

    Each of them has heads of its own, ablated where it tests.
    """
    joined: list[list[CellOutcomes]] = []
    for cell in cells:
        for found in joined:
            tested = {filing for one in found for filing in one.companies}
            same = (found[0].question, found[0].tokens) == (cell.question, cell.tokens)
            if same and tested.isdisjoint(cell.companies):
                found.append(cell)
                break
        else:
            joined.append([cell])
    return [found[0] if len(found) == 1 else _as_one(found) for found in joined]


def _as_one(cells: Sequence[CellOutcomes]) -> CellOutcomes:
    def together(answers: Iterable[Answers]) -> dict[str, bool]:
        return {filing: right for found in answers for filing, right in found.items()}

    first = cells[0]
    return CellOutcomes(
        first.question,
        first.tokens,
        {filing: company for cell in cells for filing, company in cell.companies.items()},
        together(cell.unablated for cell in cells),
        {level: together(cell.top[level] for cell in cells) for level in first.top},
        {
            kind: [
                {level: together(cell.controls[kind][n][level] for cell in cells) for level in draw}
                for n, draw in enumerate(draws)
            ]
            for kind, draws in first.controls.items()
        },
        first.own_sets,
    )


def survival(
    cells: Sequence[CellOutcomes],
    tested: Sequence[Answers],
    controls: Sequence[Sequence[Answers]],
) -> Survival:
    """Two conditions of the same items, counted by cell and company.

    Args:
        cells: the cells.
        tested: for each cell the answers in question.
        controls: for each draw and cell the answers they are compared with.

    Raises:
        InvalidInput: no cell.
    """
    if not cells:
        raise InvalidInput("a comparison needs at least one cell, got none")
    companies = sorted({company for cell in cells for company in cell.companies.values()})
    place = {company: column for column, company in enumerate(companies)}

    def count(answers: Sequence[Answers]) -> np.ndarray:
        counts = np.zeros((len(cells), len(companies)))
        for row, (cell, found) in enumerate(zip(cells, answers, strict=True)):
            for filing, correct in found.items():
                counts[row, place[cell.companies[filing]]] += correct
        return counts

    everything = [dict.fromkeys(cell.companies, True) for cell in cells]
    return Survival(count(everything), count(tested), np.stack([count(draw) for draw in controls]))


def accuracy(
    cells: Sequence[CellOutcomes], draws: Sequence[Sequence[Answers]]
) -> tuple[float, Interval | None]:
    """The mean accuracy of draws, each the answers of every cell, and its interval.

    The interval is over companies, and over draws if there are several.
    """
    # Beyond answers that are all wrong, the gap is the share that is right.
    table = survival(cells, [dict.fromkeys(cell.companies, False) for cell in cells], draws)
    return table.gap, gap_interval(table)


def control_answers(cells: Sequence[CellOutcomes], kind: str, level: int) -> list[list[Answers]]:
    """For each draw of ``kind`` and each cell the answers with ``level`` heads ablated.

    A draw of one seed holds much the same heads in every cell, so it is one draw for all of them.
    """
    by_cell = [[draw[level] for draw in cell.controls[kind] if level in draw] for cell in cells]
    # As many draws as every cell has.
    return [list(draw) for draw in zip(*by_cell, strict=False)]


def _by_level(rows: Iterable[Mapping[str, Any]]) -> dict[int, Answers]:
    return {row["num_heads"]: _answers(row["items"]) for row in rows}


def _answers(items: Iterable[Mapping[str, Any]]) -> dict[str, bool]:
    return {item["filing"]: item["correct"] for item in items}
