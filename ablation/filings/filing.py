"""The questions, and a filing with the facts that answer them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ablation.errors import InvalidInput


@dataclass(frozen=True)
class Question:
    """One of the four questions of the QRHead ablation study.

    Attributes:
        key: its name on the command line and in file paths.
        text: the words put to the model.
        ground_truth_column: the column of the study's ground-truth CSV that answers it.
    """

    key: str
    text: str
    ground_truth_column: str


QUESTIONS: Mapping[str, Question] = {
    question.key: question
    for question in (
        Question(
            "inc_state",
            "What state was the company incorporated in?",
            "original_Inc_state_truth",
        ),
        Question(
            "inc_year",
            "What year was the company incorporated?",
            "original_Inc_year_truth",
        ),
        Question(
            "employee_count",
            "How many employees does the company have?",
            "employee_count_truth",
        ),
        Question(
            "hq_state",
            "What state is the company headquarters located in?",
            "headquarters_state_truth",
        ),
    )
}


def question_by_key(key: str) -> Question:
    """The question named ``key``.

    Raises:
        InvalidInput: there is no such question.
    """
    try:
        return QUESTIONS[key]
    except KeyError:
        raise InvalidInput(
            f"unknown question {key!r}: choose one of {', '.join(QUESTIONS)}"
        ) from None


@dataclass(frozen=True)
class Fact:
    """The answer to one question, and where the section states it.

    Attributes:
        value: the ground truth, for example ``"Delaware"`` or ``"14200"``.
        start, end: the characters ``section[start:end]`` that state it. The text there may be
            written differently: ``"14,200"``, which normalises to the same value, or ``"TX"`` and
            ``"Washington, D.C."``, which an answer is graded against, too.
    """

    value: str
    start: int
    end: int


@dataclass(frozen=True)
class Filing:
    """Section 1 of one 10-K filing.

    Attributes:
        name: unique among the filings of its source.
        company: the filer (CIK for real filings); several filings of one company are not
            independent, so statistics cluster by it.
        section: the text of Section 1 ("Business").
        facts: question key -> fact, only for facts that stand in ``section``.
    """

    name: str
    company: str
    section: str
    facts: Mapping[str, Fact] = field(default_factory=dict)


@dataclass(frozen=True)
class FilingSet:
    """The filings of one source, and what could not be used of it.

    Attributes:
        source: one line for reports and provenance: which source, which settings.
        filings: the usable filings, in a reproducible order.
        rejected: ``"file: reason"`` for each file that could not be used; never silently dropped.
    """

    source: str
    filings: Sequence[Filing]
    rejected: Sequence[str] = ()
