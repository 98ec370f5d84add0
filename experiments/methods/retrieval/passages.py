"""The retrieval task: one sentence of a filing answers a question, amid others that do not."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from ablation.filings.filing import Filing
from ablation.filings.sentences import sentence_around, sentence_spans
from ablation.metrics.answers import normalise

OF_THE_FILING, OF_OTHERS = 11, 10
"""Sentences beside the gold one."""

FEWEST_WORDS = 4
"""Less is a heading."""

LONGEST = 400
"""Characters; some filings hold tables without a full stop."""


@dataclass(frozen=True)
class Passages:
    """Paragraphs of which one answers the question.

    Attributes:
        filing: whose the gold one is.
        company: of that filing.
        paragraphs: all of them, in a drawn order.
        gold: the place of the one that does.
    """

    filing: str
    company: str
    paragraphs: tuple[str, ...]
    gold: int


def passages(filing: Filing, others: Sequence[Filing], question: str) -> Passages:
    """The sentence of ``filing`` that states the fact, and seeded others.

    Sentences of the same filing that hold the answer, too, and those of other filings that state
    their answer are left out.
    """
    chance = random.Random(f"headclaims passages {question} {filing.name}")
    fact = filing.facts[question]
    gold = _sentence(filing, sentence_around(filing.section, fact.start, fact.end))
    own = [
        text for text in _others(filing, question) if normalise(fact.value) not in normalise(text)
    ]
    foreign = [text for other in others if other != filing for text in _others(other, question)]
    picked = [
        *chance.sample(own, min(OF_THE_FILING, len(own))),
        *chance.sample(foreign, min(OF_OTHERS, len(foreign))),
    ]
    chance.shuffle(picked)
    place = chance.randrange(len(picked) + 1)
    paragraphs = (*picked[:place], gold, *picked[place:])
    return Passages(filing.name, filing.company, paragraphs, place)


def _others(filing: Filing, question: str) -> list[str]:
    """The sentences of a filing that do not state the answer to ``question``."""
    fact = filing.facts.get(question)
    found = [
        _sentence(filing, span)
        for span in sentence_spans(filing.section)
        if fact is None or span[1] <= fact.start or span[0] >= fact.end
    ]
    return [text for text in found if len(text.split()) >= FEWEST_WORDS]


def _sentence(filing: Filing, span: tuple[int, int]) -> str:
    return " ".join(filing.section[slice(*span)].split())[:LONGEST]
