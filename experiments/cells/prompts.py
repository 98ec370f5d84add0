"""The prompts of a cell, built once and kept: nobody who only judges needs a tokenizer for them."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from ablation.assets.kept import code, kept
from ablation.filings.filing import Filing, FilingSet, question_by_key
from ablation.filings.split import Fold, fold_filings, split_filings
from ablation.models.model import Model
from ablation.prompts.haystacks import haystack_text
from ablation.prompts.prompt import Prompt, PromptBuilder

Item = tuple[Filing, Prompt]

MADE_BY = code(
    "ablation.prompts", "ablation.filings", "ablation.models", "ablation.metrics.answers",
    "transformers==", "tokenizers==", "jinja2==",
)  # fmt: skip
"""What decides how a prompt looks, beside the model, the filings and the haystack; of the code that
runs, not of what it is edited to."""


def split_prompts(
    model: Model, filings: FilingSet, question: str, tokens: int, fold: Fold | None = None
) -> tuple[dict[str, list[Item]], list[str]]:
    """The filings of the detection and the test split with their prompts, and those left out.

    Args:
        model: whose tokenizer and prompt style they are built with.
        filings: what is asked about; those without a truth are passed over.
        question: key of the question.
        tokens: the length of every prompt.
        fold: of those that test every filing once; None for the one split of the study.

    Returns:
        Split -> its items; and the names of the filings whose truth does not fit.

    Raises:
        InvalidInput: unknown question, a length below what it takes, or too few companies for so
            many folds.
    """
    asked = question_by_key(question)
    if fold is None:
        sides = split_filings(filings.filings)
    else:
        sides = fold_filings([one for one in filings.filings if question in one.facts], fold)
    splits = {
        name: [filing for filing in split if question in filing.facts]
        for name, split in zip(("detection", "test"), sides, strict=True)
    }
    style = model.spec.style
    haystack = haystack_text(style.haystack)
    of = {
        "model_sha256": model.fingerprint,
        "question": asdict(asked),
        "tokens": tokens,
        "style": asdict(style),
        "filings": _sha256({name: list(map(asdict, split)) for name, split in splits.items()}),
    }

    def build() -> dict[str, list[dict[str, Any] | None]]:
        builder = PromptBuilder(model.loaded.tokenizer, asked, tokens, haystack, style)
        return {
            name: [
                None if (prompt := builder.build(filing)) is None else asdict(prompt)
                for filing in split
            ]
            for name, split in splits.items()
        }

    found = kept("prompts", of, {"haystack": _sha256(haystack), **MADE_BY}, build)
    items: dict[str, list[Item]] = {}
    left_out = []
    for name, split in splits.items():
        pairs = list(zip(split, found[name], strict=True))
        items[name] = [(filing, _prompt(parts)) for filing, parts in pairs if parts is not None]
        left_out += [filing.name for filing, parts in pairs if parts is None]
    return items, left_out


def _prompt(parts: Mapping[str, Any]) -> Prompt:
    """A prompt out of JSON, where tuples are lists."""
    made: dict[str, Any] = {
        name: tuple(part) if isinstance(part, list) else part for name, part in parts.items()
    }
    return Prompt(**made)


def _sha256(value: Any) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()
