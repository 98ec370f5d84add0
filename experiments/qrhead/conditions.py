"""Every test filing of a cell under sets of ablated heads: answers, and rows that count them."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tqdm import tqdm

from ablation.answers import grade
from ablation.generation import greedy_answers
from ablation.heads import Head
from ablation.modes import Ablation
from experiments.provenance import identity
from experiments.qrhead.cells import Cell, prompts_sha256, truth

ROWS_PER_BATCH = 4
"""Conditions that share a batch: enough to read the weights once for many, few enough that the
key-value caches of four workers stay small."""


@dataclass(frozen=True)
class ItemOutcome:
    """One filing under one condition."""

    filing: str
    company: str
    truth: str
    answer: str
    correct: bool
    strict: bool


def run_conditions(
    cell: Cell,
    head_sets: Sequence[tuple[Head, ...]],
    ablation: Ablation,
    *,
    rows_per_batch: int = ROWS_PER_BATCH,
    described: str = "ablate",
) -> list[list[ItemOutcome]]:
    """The outcomes under every set of heads, each in the order of the test filings.

    Raises:
        ComputationError: the model's logits are NaN; no item is ever dropped over an error.
    """
    outcomes: list[list[ItemOutcome]] = [[] for _ in head_sets]
    total = len(head_sets) * len(cell.test)
    described = f"{described} {cell.question} {cell.tokens}"
    with tqdm(total=total, desc=described, unit="answer", delay=1, disable=None) as bar:
        for filing, prompt in cell.test:
            wanted = truth(cell, filing)
            for start in range(0, len(head_sets), rows_per_batch):
                batch = head_sets[start : start + rows_per_batch]
                answers = greedy_answers(
                    cell.loaded.model, cell.loaded.tokenizer, prompt.ids, batch, ablation
                )
                for offset, answer in enumerate(answers):
                    graded = grade(answer, wanted)
                    outcomes[start + offset].append(
                        ItemOutcome(
                            filing.name,
                            filing.company,
                            wanted,
                            answer,
                            graded.correct,
                            graded.strict,
                        )
                    )
                bar.update(len(batch))
    return outcomes


def score(items: Sequence[ItemOutcome]) -> dict[str, Any]:
    """How many items are right, with the items."""
    correct = sum(item.correct for item in items)
    return {
        "accuracy": correct / len(items),
        "correct": correct,
        "total": len(items),
        "items": [asdict(item) for item in items],
    }


def condition_row(heads: Sequence[Head], items: Sequence[ItemOutcome]) -> dict[str, Any]:
    """The row of one set of ablated heads, in the study's own keys."""
    return {
        "num_heads": len(heads),
        "heads": [[head.layer, head.head] for head in heads],
        "heads_str": [str(head) for head in heads],
        **score(items),
    }


def outcomes_identity(cell: Cell, ablation: Ablation) -> dict[str, Any]:
    """What must be equal for stored outcomes to be of this cell, whichever heads they are under."""
    return {
        **identity(cell.loaded),
        "prompts_sha256": prompts_sha256(cell.test),
        "truths": {filing.name: truth(cell, filing) for filing, _ in cell.test},
        "ablation": ablation.describe(),
    }
