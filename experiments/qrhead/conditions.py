"""Every test filing of a cell under sets of ablated heads: answers, and rows that count them."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tqdm import tqdm

from ablation.answers import grade
from ablation.engine.batches import answers_in_batches
from ablation.filings.filing import Filing
from ablation.heads import Head
from ablation.modes import Ablation
from experiments.provenance import identity
from experiments.qrhead.cells import Cell, prompts_sha256, truth


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
    rows: int | None = None,
    described: str = "ablate",
) -> list[list[ItemOutcome]]:
    """The outcomes under every set of heads, each in the order of the test filings.

    Args:
        cell: model and prompts.
        head_sets: the heads that are ablated together, for each condition.
        ablation: how they are ablated.
        rows: filings that go through the model together; None: as many as fit.
        described: what the progress bar says.

    Raises:
        ComputationError: the model's logits are NaN; no item is ever dropped over an error.
    """
    loaded, prompts = cell.loaded, [prompt.ids for _, prompt in cell.test]
    given: list[list[str]] = [[""] * len(prompts) for _ in head_sets]
    described = f"{described} {cell.question} {cell.tokens}"
    total = len(head_sets) * len(prompts)
    with tqdm(total=total, desc=described, unit="answer", delay=1, disable=None) as bar:
        for items, sets, answers in answers_in_batches(
            loaded.engine, loaded.model, loaded.tokenizer, prompts, head_sets, ablation, rows
        ):
            for number in sets:
                for item, answer in zip(items, answers, strict=True):
                    given[number][item] = answer
            bar.update(len(items) * len(sets))
    return [
        [
            _outcome(cell, filing, answer)
            for (filing, _), answer in zip(cell.test, answers, strict=True)
        ]
        for answers in given
    ]


def _outcome(cell: Cell, filing: Filing, answer: str) -> ItemOutcome:
    wanted = truth(cell, filing)
    graded = grade(answer, wanted)
    return ItemOutcome(filing.name, filing.company, wanted, answer, graded.correct, graded.strict)


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
