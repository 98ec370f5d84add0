"""Prompts of an exact number of tokens: haystack, needle, haystack, question.

Built once as ids and passed on as ids: decoding and tokenising again would double the BOS.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ablation.errors import InvalidInput
from ablation.filings.filing import Fact, Filing, Question
from ablation.filings.sentences import Span
from ablation.metrics.answers import normalise
from ablation.prompts.styles import PLAIN, PromptStyle
from ablation.prompts.turns import beginning, chat_turn, continuation, encoded

NULL_QUESTION = "N/A"
"""The question that calibrates QRHead's scores (Zhang et al. 2025, arXiv 2506.09944)."""

HAYSTACK_BESIDE_CUT_NEEDLE = 100
"""Tokens of haystack left where the needle does not fit and is cut (the study's choice)."""


@dataclass(frozen=True)
class Prompt:
    """One prompt, as ids, in the parts that detection needs apart.

    Attributes:
        context: BOS or the opening of the chat turn, haystack, needle, haystack.
        needle: the needle is ``context[needle[0]:needle[1]]``.
        question: the tokens of ``\\n\\nQuestion: …\\nAnswer in one word:``.
        null_question: the same with the question ``N/A``.
        tail: closes the chat turn and begins the answer; empty in the paper's prompt.
        closing: how many tokens of the tail close the chat turn.
        fact: the tokens ``context[fact[0]:fact[1]]`` state the answer.
        answer: the true answer in the tokens that a model writes after the prompt. Not those of
            the needle: after a word an answer begins with a space, which may be a token of its own.
    """

    context: tuple[int, ...]
    needle: Span
    question: tuple[int, ...]
    null_question: tuple[int, ...]
    tail: tuple[int, ...]
    closing: int
    fact: Span
    answer: tuple[int, ...]

    @cached_property
    def ids(self) -> tuple[int, ...]:
        return self.context + self.question + self.tail

    @property
    def stated(self) -> tuple[int, ...]:
        """The answer in the tokens of the needle."""
        return self.context[slice(*self.fact)]

    @cached_property
    def sha256(self) -> str:
        """Hash over all parts of the prompt, ids as decimal numbers; what they state left out."""
        parts = (self.context, self.needle, self.question, self.null_question, self.tail)
        text = ";".join(",".join(map(str, part)) for part in parts)
        return hashlib.sha256(text.encode()).hexdigest()


class PromptBuilder:
    """Builds the prompts of one cell: one question, one length, one tokenizer.

    Args:
        tokenizer: the model's tokenizer (a fast one, for its offsets).
        question: what is asked.
        total_tokens: the exact length of every prompt.
        haystack: the text around the needle; used from its beginning, repeated if too short.
        style: the model's prompt style.

    Raises:
        InvalidInput: ``total_tokens`` is too small for the question, one token of needle and
            ``HAYSTACK_BESIDE_CUT_NEEDLE`` tokens of haystack; or the haystack is empty.
    """

    def __init__(
        self,
        tokenizer: Any,
        question: Question,
        total_tokens: int,
        haystack: str,
        style: PromptStyle = PLAIN,
    ) -> None:
        self._tokenizer = tokenizer
        self._question = question
        opening, closing, prime = self._frame(style)
        self._opening, self._tail = opening, self._encode(closing + prime)
        self._closing = _shared_beginning(self._encode(closing), self._tail)
        asked = _asked(question.text)
        self._question_ids = self._encode(asked)
        self._before_answer = (closing + prime) or asked
        self._null_ids = self._encode(_asked(NULL_QUESTION))
        self._room = total_tokens - sum(map(len, (self._opening, self._question_ids, self._tail)))
        least = total_tokens - self._room + HAYSTACK_BESIDE_CUT_NEEDLE + 1
        if total_tokens < least:
            raise InvalidInput(
                f"a prompt for {question.key!r} takes at least {least} tokens with this model, got "
                f"{total_tokens}: use a larger token length"
            )
        self._haystack_ids = self._encode_haystack(haystack)

    def build(self, filing: Filing) -> Prompt | None:
        """The prompt about ``filing``, or None if no needle that fits states the truth.

        Raises:
            InvalidInput: the filing has no fact for the question.
        """
        fact = filing.facts.get(self._question.key)
        if fact is None:
            raise InvalidInput(f"filing {filing.name} has no truth for {self._question.key!r}")
        needle, fact_at = self._needle(filing.section, fact)
        # A filing breaks its lines anywhere, also within "New York".
        written = " ".join(filing.section[fact.start : fact.end].split())
        if normalise(written) not in normalise(" ".join(self._tokenizer.decode(needle).split())):
            return None
        filler = self._room - len(needle)
        before, after = self._haystack_ids[: filler // 2], self._haystack_ids[filler // 2 : filler]
        start = len(self._opening) + len(before)
        return Prompt(
            context=(*self._opening, *before, *needle, *after),
            needle=(start, start + len(needle)),
            question=self._question_ids,
            null_question=self._null_ids,
            tail=self._tail,
            closing=self._closing,
            fact=(start + fact_at[0], start + fact_at[1]),
            answer=self._answer(written),
        )

    def _answer(self, written: str) -> tuple[int, ...]:
        # A turn that has just begun begins without a space.
        space = "" if self._before_answer[-1:].isspace() else " "
        return continuation(self._tokenizer, self._before_answer, space + written)

    def _needle(self, section: str, fact: Fact) -> tuple[tuple[int, ...], Span]:
        """The section, or where it does not fit the passage of it around the fact.

        And where in it the fact is.

        Relative to the study: it keeps the first tokens of a section that does not fit, whether or
        not they state the truth.
        """
        encoded = self._tokenizer(section, add_special_tokens=False, return_offsets_mapping=True)
        ids, offsets = tuple(encoded["input_ids"]), encoded["offset_mapping"]
        stated = _tokens_of(offsets, fact.start, fact.end)
        if len(ids) <= self._room:
            return ids, stated
        length = self._room - HAYSTACK_BESIDE_CUT_NEEDLE
        middle = (stated[0] + stated[1]) // 2
        start = min(max(0, middle - length // 2), len(ids) - length)
        cut = ids[start : start + length]
        return cut, _within(stated, start, length)

    def _frame(self, style: PromptStyle) -> tuple[tuple[int, ...], str, str]:
        """Ids before the haystack; what closes the turn, and the beginning of the answer."""
        if not style.chat:
            return beginning(self._tokenizer), "", ""
        opening, closing = chat_turn(
            self._tokenizer, f"use the prompt style {PLAIN.name!r} instead of {style.name!r}"
        )
        prime = style.primes.get(self._question.key, "")
        return self._encode(opening), closing, prime

    def _encode_haystack(self, text: str) -> tuple[int, ...]:
        # Prose has about four characters per token; the whole Wikipedia sample would take seconds.
        ids = self._encode(text[: 20 * self._room])
        if not ids:
            raise InvalidInput("the haystack text is empty: give a text with some prose")
        repeats = -(-self._room // len(ids))
        return (ids * repeats)[: self._room]

    def _encode(self, text: str) -> tuple[int, ...]:
        return encoded(self._tokenizer, text)


def _tokens_of(offsets: Sequence[Span], start: int, end: int) -> Span:
    """The tokens that hold the characters ``start`` to ``end``."""
    held = [token for token, (first, last) in enumerate(offsets) if last > start and first < end]
    return held[0], held[-1] + 1


def _within(span: Span, start: int, length: int) -> Span:
    """A span's place in what is left from ``start`` on."""
    first, last = (min(max(0, at - start), length) for at in span)
    return first, last


def _shared_beginning(first: Sequence[int], second: Sequence[int]) -> int:
    """How many tokens two texts begin with together."""
    pairs = zip(first, second, strict=False)
    return next((n for n, (a, b) in enumerate(pairs) if a != b), min(len(first), len(second)))


def _asked(question: str) -> str:
    return f"\n\nQuestion: {question}\nAnswer in one word:"
