"""A cell of the QRHead experiment: one model, one question, one prompt length."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ablation.errors import InvalidInput
from ablation.filings.filing import Filing, FilingSet, question_by_key
from ablation.filings.split import split_filings
from ablation.metrics.answers import normalise
from ablation.models.loading import LoadedModel
from ablation.prompts.haystacks import haystack_text
from ablation.prompts.prompt import Prompt, PromptBuilder, answerable

Item = tuple[Filing, Prompt]


@dataclass(frozen=True)
class Cell:
    """A cell with its prompts built.

    Attributes:
        loaded: the model.
        question: key of the question.
        tokens: length of every prompt.
        filings: where the filings are from, one line.
        detection, test: filings of each split with their prompts.
        left_out: filings with a truth that does not fit into the prompt's needle.
        rejected: files of the source that could not be used, with the reason.
    """

    loaded: LoadedModel
    question: str
    tokens: int
    filings: str
    detection: Sequence[Item]
    test: Sequence[Item]
    left_out: Sequence[str]
    rejected: Sequence[str]

    def header(self) -> dict[str, Any]:
        """What every result file of the cell begins with, in the study's own keys."""
        return {
            "model_key": self.loaded.spec.key,
            "model_name": self.loaded.spec.name,
            "question": self.question,
            "question_prompt": question_by_key(self.question).text,
            "total_tokens": self.tokens,
        }

    def inputs(self) -> dict[str, Any]:
        """What went into the prompts; our addition to the study's format."""
        return {
            "prompt_style": self.loaded.spec.style.name,
            "haystack": self.loaded.spec.style.haystack,
            "filings": self.filings,
            "left_out": list(self.left_out),
            "rejected": list(self.rejected),
            "detection_prompts_sha256": prompts_sha256(self.detection),
            "test_prompts_sha256": prompts_sha256(self.test),
        }


def build_cell(loaded: LoadedModel, filings: FilingSet, question: str, tokens: int) -> Cell:
    """Builds the prompts of a cell.

    Raises:
        InvalidInput: unknown question; a prompt length below what the question takes or above the
            model's context; no filing left in the detection or test split.
    """
    if tokens > loaded.longest_prompt:
        raise InvalidInput(
            f"{tokens} tokens exceed the context of model {loaded.spec.key}, which holds prompts "
            f"of at most {loaded.longest_prompt}: use a smaller token length"
        )
    style = loaded.spec.style
    builder = PromptBuilder(
        loaded.tokenizer, question_by_key(question), tokens, haystack_text(style.haystack), style
    )
    splits, left_out = [], []
    for name, split in zip(("detection", "test"), split_filings(filings.filings), strict=True):
        items, without = answerable(builder, [f for f in split if question in f.facts])
        if not items:
            raise InvalidInput(
                f"no filing of the {name} split answers {question!r} within {tokens} tokens "
                f"({filings.source}): give more filings"
            )
        splits.append(items)
        left_out += without
    return Cell(
        loaded,
        question,
        tokens,
        filings.source,
        detection=splits[0],
        test=splits[1],
        left_out=left_out,
        rejected=filings.rejected,
    )


def truth(cell: Cell, filing: Filing) -> str:
    """The truth a filing's answer is graded against, normalised."""
    return normalise(filing.facts[cell.question].value)


def prompts_sha256(items: Sequence[Item]) -> str:
    """One hash over all prompts, in their order."""
    return hashlib.sha256(" ".join(prompt.sha256 for _, prompt in items).encode()).hexdigest()
