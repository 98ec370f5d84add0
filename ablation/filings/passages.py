"""Where a 10-K section states the answer to a question.

Two tasks. *Locating*: the answer is known from a CSV about this very filing, and the passage that
states it is looked for. *Extracting*: nothing is known of the filing, and a sentence of a fixed
form is read; ``own_state`` does so for states. Both would rather say nothing than something wrong:
a filing without a fact is left out of a cell, one with a wrong fact is an error nobody sees.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from ablation.filings.company import subject
from ablation.filings.filing import Fact
from ablation.filings.states import ANY_STATE, StateMention, state_mentions

EARLIEST_YEAR = 1700

_MONTH = (
    "January|February|March|April|May|June|July|August|September|October|November|December"
    "|spring|summer|fall|autumn"
)
_YEAR = r"(?:1[789]\d\d|20\d\d)"

# What may stand between "incorporated" and the state or the year of it. Only these words: a gap of
# any words would read "was incorporated in Ohio and acquired a mill in 1985" as 1985.
GAP = rf"""(?:[\s,]+(?:and\s+existing|in|on|of|as|an?|under|pursuant\s+to|by|virtue|the|general
            |business|corporat(?:e|ion)|company|laws?|statutes|state|commonwealth
            |{_MONTH}|\d{{1,2}}|{_YEAR}|{ANY_STATE}))*[\s,]+"""

# Not "reincorporated": the questions, and the study's CSV, mean the original incorporation.
INCORPORATED = r"(?<![\w-])(?:incorporated|organi[sz]ed|formed|chartered)"

# How far from an answer its cue may stand, in characters: an address with street, city and state
# follows "principal executive offices" within about 150; a noun follows its number at once.
_REACH_BEFORE = 160
_REACH_AFTER = 60


@dataclass(frozen=True)
class _Cues:
    """Words that show a passage answers the question.

    Attributes:
        stated: tested against the text up to the answer, must end there (or None).
        before, after: searched for in the text before and after the answer (or None).
    """

    stated: re.Pattern[str] | None = None
    before: re.Pattern[str] | None = None
    after: re.Pattern[str] | None = None


def compiled(pattern: str) -> re.Pattern[str]:
    """A pattern of words, in any letter case, written with spaces and comments."""
    return re.compile(pattern, re.IGNORECASE | re.VERBOSE)


_WORKERS = (
    r"employe(?:e|es|d|s|r|rs)?\b|employment|persons|people|workforce|staff|personnel|associates"
)

# question -> its cues, the strongest first; an occurrence with a stronger cue wins.
_CUES: Mapping[str, tuple[_Cues, ...]] = {
    "inc_state": (
        _Cues(
            stated=compiled(rf"{INCORPORATED}{GAP}\Z"),
            after=compiled(
                r"""\A\s+(?:business\s+|general\s+|banking\s+|stock\s+|public\s+)?
                    (?:corporations?|limited\s+(?:partnership|liability)|business\s+trust)\b"""
            ),
        ),
        _Cues(before=compiled(r"incorporat(?:ed(?!\s+(?:into|by|herein))|ion)|organi[sz]ed|laws")),
    ),
    "inc_year": (
        _Cues(stated=compiled(rf"{INCORPORATED}{GAP}\Z")),
        _Cues(
            before=compiled(
                r"incorporat(?:ed(?!\s+(?:into|by|herein))|ion)|organi[sz]ed|formed|chartered"
            )
        ),
    ),
    "employee_count": (_Cues(before=compiled(_WORKERS), after=compiled(_WORKERS)),),
    "hq_state": (
        _Cues(
            before=compiled(
                r"headquarter(?:s|ed)\b|(?:executive|corporate|home|main|principal)\s+offices?\b"
            )
        ),
        _Cues(before=compiled(r"\blocated\b")),
    ),
}


@lru_cache(maxsize=1)
def _mentions(section: str) -> tuple[StateMention, ...]:
    """The states of a section, for both questions about states."""
    return tuple(state_mentions(section))


def _spans(section: str, question_key: str, value: str) -> Iterator[tuple[int, int]]:
    if question_key in ("inc_state", "hq_state"):
        for mention in _mentions(section):
            if mention.state == value:
                yield mention.start, mention.end
        return
    if question_key == "inc_year":
        # A year, not the price "$1,988" or the number "1988.5".
        pattern = rf"(?<![\d$.]){value}(?!\d|[.,]\d)"
    else:
        grouped = f"{int(value):,}"
        # The whole number, and a number of people: no amount, share or longer number around it.
        pattern = (
            rf"(?<![\d$])(?<!\d[.,])(?<!\$\s)(?:{grouped}|{value})"
            r"(?!\d|[.,]\d|\s*%|\s+(?:percent|million|billion|shares))"
        )
    for match in re.finditer(pattern, section):
        yield match.span()


def _distance(cues: _Cues, section: str, start: int, end: int) -> int | None:
    """Characters between the answer and its nearest cue, or None where there is none."""
    text_before = section[max(0, start - _REACH_BEFORE) : start]
    text_after = section[end : end + _REACH_AFTER]
    distances = []
    if cues.stated and cues.stated.search(text_before):
        distances.append(0)
    if cues.before:
        distances += [len(text_before) - match.end() for match in cues.before.finditer(text_before)]
    if cues.after and (match := cues.after.search(text_after)):
        distances.append(match.start())
    return min(distances, default=None)


def locate_fact(section: str, question_key: str, value: str) -> Fact | None:
    """The occurrence of ``value`` that best answers the question, or None.

    Best is the one with the strongest cue, then the nearest, then the first. An occurrence without
    any cue counts too, except of an employee count: 4, 500 or 2012 may stand for anything.

    Args:
        section: the text of Section 1.
        question_key: one of the four questions.
        value: the plain ground truth, for example ``"Delaware"`` or ``"14200"``.
    """
    spans = list(_spans(section, question_key, value))
    for cues in _CUES[question_key]:
        found = [
            (distance, start, end)
            for start, end in spans
            if (distance := _distance(cues, section, start, end)) is not None
        ]
        if found:
            _, start, end = min(found)
            return Fact(value, start, end)
    if question_key == "employee_count" or not spans:
        return None
    return Fact(value, *spans[0])


def _agreed(candidates: list[Fact]) -> Fact | None:
    # Sentences that disagree mean a subsidiary, another date or another unit: which, nobody can
    # tell.
    return candidates[0] if len({fact.value for fact in candidates}) == 1 else None


def extract_inc_year(section: str, company: str, latest: int) -> Fact | None:
    """The year the section says the company was incorporated, organized or formed.

    The rule: the company itself is the subject ("We", "The Company", its name), the verb follows at
    once, and only words such as "in the State of Delaware in June" stand before the year; also
    "Incorporated in 1984, …" at the head of a sentence. None if two sentences disagree, or the year
    is not in [1700, ``latest``].
    """
    own = subject(company)
    pattern = compiled(
        rf"""(?:{own}
              (?:\s+(?:was|were)(?:\s+(?:originally|first|initially))?
               |,\s+an?\s+(?:(?:{ANY_STATE})\s+)?corporation(?:\s+founded\s+in\s+{_YEAR}\s+and)?)
              \s+(?:incorporated|organi[sz]ed|formed|chartered)
             |(?:(?m:^)|[.!]\s+)(?:originally\s+)?incorporated(?=[^.]{{0,80}},\s+{own}\b))
            {GAP}(?P<year>{_YEAR})(?![\d-])"""
    )
    return _agreed(
        [
            Fact(match["year"], match.start("year"), match.end("year"))
            for line in re.finditer(r"[^\n]+", section)
            for match in pattern.finditer(section, line.start(), line.end())
            if EARLIEST_YEAR <= int(match["year"]) <= latest
        ]
    )


# What makes employees those of a part: what they do, what covers them, where they are.
_OF_A_PART = rf"""and|plus|engaged|involved|dedicated|devoted|working|who|whose|assigned|located
    |based|covered|represented|outside|within|under|subject\s+to|belonging|on\s+strike|abroad|overseas
    |at(?!\s+(?:the\s+(?:end|close)|(?:fiscal\s+)?year|(?:{_MONTH})\s+\d))
    |in(?!\s+(?:total|all|the\s+aggregate|{_YEAR}|(?:{_MONTH})\s+\d))"""


def extract_employee_count(section: str, company: str) -> Fact | None:
    """The number of employees the section gives for the company as a whole.

    The rule: the company itself is the subject, the verb is to have or to employ, and the number is
    followed at once by "employees", "persons" or "people", with at most "full-time" and the like
    between. No fact where the number is that of a part ("500 employees engaged in research", "25
    full-time and 3 part-time employees", "1,500 employees covered by collective bargaining
    agreements", "120 employees in Mexico"), or where two sentences disagree. A date or "in total"
    makes no part of it.
    """
    pattern = compiled(
        rf"""{subject(company)}
            (?:,?\s+(?:and|together\s+with)\s+(?:its|our)\s+(?:wholly[-\s]owned\s+)?subsidiaries,?)?
            (?:\s+(?:currently|presently))?\s+(?:had|has|have|employ(?:ed|s)?)
            (?:\s+(?:a\s+(?:total|staff|workforce)\s+of|approximately|about|nearly|around|over
                    |more\s+than|in\s+excess\s+of))*
            \s+(?P<count>\d{{1,3}}(?:,\d{{3}}){{1,2}}|\d{{1,9}})
            (?:\s+(?:regular|permanent|active|salaried|total|full[-\s]time|equivalent))*
            \s+(?:employees|persons|people|associates|team\s+members)\b
            (?!(?:\s*\([^)]{{0,500}}\))?,?\s*(?:{_OF_A_PART})\b)"""
    )
    return _agreed(
        [
            Fact(
                match["count"].replace(",", "").lstrip("0"),
                match.start("count"),
                match.end("count"),
            )
            for match in pattern.finditer(section)
            if int(match["count"].replace(",", "")) > 0
        ]
    )
