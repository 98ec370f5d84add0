"""Prompts as text in parts, with what they share written once."""

from collections.abc import Iterator, Sequence
from typing import Any

from ablation.prompts.prompt import Prompt
from experiments.cells.cell import Cell

Piece = tuple[str, str]
"""What a piece of a prompt is, and its text."""


def cell_prompts(cell: Cell, tokenizer: Any) -> dict[str, Any]:
    """The test prompts of a cell.

    Haystacks are long and alike, so a piece of one is where it begins in the longest and how many
    characters it has, or its own text where it is not part of that.
    """
    prompts = [list(pieces(prompt, tokenizer)) for _, prompt in cell.test]
    texts = [text for one in prompts for name, text in one if name == "haystack"]
    shared = tokenizer.decode(_longest_haystack(cell))
    shared = max([shared, *texts], key=len)
    return {
        "shared": shared,
        "prompts": [[[name, _placed(text, shared)] for name, text in one] for one in prompts],
    }


def pieces(prompt: Prompt, tokenizer: Any) -> Iterator[Piece]:
    """The pieces of a prompt that are not empty: opening and haystack, needle, question, prime."""
    context, asked = len(prompt.context), len(prompt.context) + len(prompt.question)
    start, before = 0, ""
    for name, end in (
        ("haystack", prompt.needle[0]),
        ("needle", prompt.fact[0]),
        ("fact", prompt.fact[1]),
        ("needle", prompt.needle[1]),
        ("haystack", context),
        ("question", asked),
        ("prime", len(prompt.ids)),
    ):
        # Many tokenizers write a space before a word only where something stands before it.
        until = tokenizer.decode(prompt.ids[:end])
        alone = not until.startswith(before)  # a letter of several tokens lies on the border
        text = tokenizer.decode(prompt.ids[start:end]) if alone else until[len(before) :]
        if end > start and text:
            yield name, text
        start, before = end, until


def _longest_haystack(cell: Cell) -> Sequence[int]:
    """The haystack of the prompt with the shortest needle, as one text without a needle."""
    _, prompt = min(cell.test, key=lambda item: item[1].needle[1] - item[1].needle[0])
    first, end = prompt.needle
    return prompt.context[:first] + prompt.context[end:]


def _placed(text: str, shared: str) -> Any:
    start = shared.find(text)
    return text if start < 0 or len(text) < 20 else [start, len(text)]
