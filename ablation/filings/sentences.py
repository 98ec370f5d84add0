"""Where the sentences of a text begin and end.

They end with ``.``, ``!`` or ``?`` before a space and a capital, or with a blank line. Filings are
plain prose; an abbreviation before a name ("St. Louis") cuts a sentence in two.
"""

import re

Span = tuple[int, int]
"""From the first to behind the last."""

_END = re.compile(r"[.!?][\"”’)]*\s+(?=[A-Z“\"])|\n\s*\n\s*")


def sentence_spans(text: str) -> list[Span]:
    """The characters of every sentence, the space behind it included."""
    ends = [match.end() for match in _END.finditer(text)]
    starts = [0, *ends]
    return [(a, b) for a, b in zip(starts, [*ends, len(text)], strict=True) if text[a:b].strip()]


def sentence_around(text: str, start: int, end: int) -> Span:
    """The sentence that holds ``text[start:end]``; several, if it reaches over their ends."""
    held = [span for span in sentence_spans(text) if span[1] > start and span[0] < end]
    return held[0][0], held[-1][1]
