"""A cell of the QRHead experiment: one model, one question, one prompt length."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ablation.errors import InvalidInput
from ablation.filings.filing import Filing, FilingSet, question_by_key
from ablation.filings.split import Fold
from ablation.metrics.answers import normalise
from ablation.models.model import Model
from experiments.cells.prompts import Item, split_prompts


@dataclass(frozen=True)
class Cell:
    """A cell with its prompts built.

    Attributes:
        model: what is asked.
        question: key of the question.
        tokens: length of every prompt.
        filings: where the filings are from, one line.
        detection, test: filings of each split with their prompts.
        left_out: filings with a truth that does not fit into the prompt's needle.
        rejected: files of the source that could not be used, with the reason.
        fold: which of the splits that test every filing once; None for the study's one.
    """

    model: Model
    question: str
    tokens: int
    filings: str
    detection: Sequence[Item]
    test: Sequence[Item]
    left_out: Sequence[str]
    rejected: Sequence[str]
    fold: Fold | None = None

    def header(self) -> dict[str, Any]:
        """What every result file of the cell begins with, in the study's own keys."""
        return {
            "model_key": self.model.spec.key,
            "model_name": self.model.spec.name,
            "question": self.question,
            "question_prompt": question_by_key(self.question).text,
            "total_tokens": self.tokens,
        }

    def inputs(self) -> dict[str, Any]:
        """What went into the prompts; our addition to the study's format."""
        return {
            "prompt_style": self.model.spec.style.name,
            "haystack": self.model.spec.style.haystack,
            "filings": self.filings,
            "left_out": list(self.left_out),
            "rejected": list(self.rejected),
            **({} if self.fold is None else {"fold": str(self.fold)}),
            "detection_prompts_sha256": prompts_sha256(self.detection),
            "test_prompts_sha256": prompts_sha256(self.test),
        }


def build_cell(
    model: Model, filings: FilingSet, question: str, tokens: int, fold: Fold | None = None
) -> Cell:
    """Builds the prompts of a cell.

    Raises:
        InvalidInput: unknown question; a prompt length below what the question takes or above the
            model's context; no filing left in the detection or test split; more folds than
            companies.
    """
    if tokens > model.longest_prompt:
        raise InvalidInput(
            f"{tokens} tokens exceed the context of model {model.spec.key}, which holds prompts "
            f"of at most {model.longest_prompt}: use a smaller token length"
        )
    splits, left_out = split_prompts(model, filings, question, tokens, fold)
    for name, items in splits.items():
        if not items:
            raise InvalidInput(
                f"no filing of the {name} split answers {question!r} within {tokens} tokens "
                f"({filings.source}): give more filings"
            )
    return Cell(
        model,
        question,
        tokens,
        filings.source,
        detection=splits["detection"],
        test=splits["test"],
        left_out=left_out,
        rejected=filings.rejected,
        fold=fold,
    )


def truth(cell: Cell, filing: Filing) -> str:
    """The truth a filing's answer is graded against, normalised."""
    return normalise(filing.facts[cell.question].value)


def prompts_sha256(items: Sequence[Item]) -> str:
    """One hash over all prompts, in their order."""
    return hashlib.sha256(" ".join(prompt.sha256 for _, prompt in items).encode()).hexdigest()
