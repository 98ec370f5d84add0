"""Answers to the test filings of a cell, graded, and the rows that count them."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from ablation.filings.filing import Filing
from ablation.heads import Head
from ablation.metrics.answers import Answer, grade
from experiments.cells.cell import Cell, truth
from experiments.machine.provenance import merged
from experiments.store import Document


@dataclass(frozen=True)
class ItemOutcome:
    """One filing under one condition.

    Attributes:
        filing: its name.
        company: whose it is.
        truth: what it states.
        answer: what the model wrote.
        correct: whether that is right, as the study counts.
        strict: whether it is right word for word.
        log_probability: how sure the model was of it, see ``ablation.metrics.answers.Answer``.
    """

    filing: str
    company: str
    truth: str
    answer: str
    correct: bool
    strict: bool
    log_probability: float | None = None


@dataclass(frozen=True)
class Outcomes:
    """The test filings, in their order, under one condition, and how the answers came about.

    Attributes:
        items: the filings.
        answers: the stored answers.
    """

    items: Sequence[ItemOutcome]
    answers: Sequence[Document]

    @property
    def correct(self) -> dict[str, bool]:
        """Filing -> whether its answer is right."""
        return {item.filing: item.correct for item in self.items}

    @property
    def companies(self) -> dict[str, str]:
        """Filing -> its company."""
        return {item.filing: item.company for item in self.items}

    @cached_property
    def provenance(self) -> dict[str, Any]:
        """How the answers came about."""
        return merged(one.provenance for one in self.answers)


def graded(cell: Cell, given: Sequence[Answer]) -> list[ItemOutcome]:
    """The outcomes of the test filings, given their answers."""
    return [
        _outcome(cell, filing, answer) for (filing, _), answer in zip(cell.test, given, strict=True)
    ]


def _outcome(cell: Cell, filing: Filing, answer: Answer) -> ItemOutcome:
    wanted, fact = truth(cell, filing), filing.facts[cell.question]
    graded = grade(answer.text, wanted, filing.section[fact.start : fact.end])
    return ItemOutcome(
        filing=filing.name,
        company=filing.company,
        truth=wanted,
        answer=answer.text,
        correct=graded.correct,
        strict=graded.strict,
        log_probability=answer.log_probability,
    )


def score(items: Sequence[ItemOutcome]) -> dict[str, Any]:
    """How many items are right, with the items."""
    correct = sum(item.correct for item in items)
    return {
        "accuracy": correct / len(items),
        "correct": correct,
        "total": len(items),
        "items": [_row(item) for item in items],
    }


def _row(item: ItemOutcome) -> dict[str, Any]:
    """Without how sure the model was: its last digit depends on which answers are found at once."""
    row = asdict(item)
    del row["log_probability"]
    return row


def condition_row(heads: Sequence[Head], items: Sequence[ItemOutcome]) -> dict[str, Any]:
    """The row of one set of ablated heads, in the study's own keys."""
    return {
        "num_heads": len(heads),
        "heads": [[head.layer, head.head] for head in heads],
        "heads_str": [str(head) for head in heads],
        **score(items),
    }
