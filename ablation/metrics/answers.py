"""Is an answer right: the study's normalisation and containment, and a stricter word match."""

import re
from dataclasses import dataclass
from typing import NamedTuple

MAX_NEW_TOKENS = 10
"""The answer's length in the QRHead ablation study."""


class Answer(NamedTuple):
    """What a model answers greedily.

    Attributes:
        text: without special tokens.
        log_probability: the natural logarithm of the probability that the model gives all of the
            answer's tokens, each after those before it; that which ends it included. None where it
            was not noted, as by earlier versions.
    """

    text: str
    log_probability: float | None


def normalise(text: str) -> str:
    """Lower case, outer space stripped, ``,`` ``.`` ``'`` dropped; a number loses its ``.0``.

    ``"14,200"``, ``"14200.0"`` and ``" 14200."`` all become ``"14200"`` (protocol of the QRHead
    ablation study).
    """
    text = text.strip().lower()
    # A CSV column with gaps is read as floats; their fraction is not part of the truth.
    text = re.sub(r"^(\d+)\.0+$", r"\1", text)
    return re.sub(r"[,.']", "", text).strip()


@dataclass(frozen=True)
class Grade:
    """How one answer fares.

    Attributes:
        correct: the normalised truth is contained in the normalised answer (the study's rule;
            "Virginia" is then found in "West Virginia", "12" in "1200").
        strict: it is contained between word boundaries, and not inside a longer number.
    """

    correct: bool
    strict: bool


def grade(answer: str, truth: str, stated: str = "") -> Grade:
    """Grades ``answer`` against ``truth``; an empty truth is a mistake of the caller.

    Args:
        answer: what the model wrote.
        truth: the plain value.
        stated: how the needle writes it. Where that is another form, such as ``TX`` for Texas, an
            answer in this form is right, too: as it stands there, between word boundaries.

    Raises:
        ValueError: the truth is empty once normalised.
    """
    wanted, given = normalise(truth), normalise(answer)
    if not wanted:
        raise ValueError(f"a truth is required, got {truth!r}")
    strict = re.search(rf"(?<!\w){re.escape(wanted)}(?!\w)", given) is not None
    form = " ".join(stated.split()).rstrip(".")
    if form and normalise(form) != wanted:
        copied = re.search(rf"(?<!\w){re.escape(form)}(?!\w)", " ".join(answer.split())) is not None
        return Grade(wanted in given or copied, strict or copied)
    return Grade(wanted in given, strict)
