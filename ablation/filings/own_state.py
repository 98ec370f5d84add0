"""The state that a section says its own company is of: incorporated there, or headquartered there.

For states that EDGAR's record of a company gives and the filing may not state. A state counts only
in a sentence about the company itself: a customer's headquarters, a plant, or an acquired company's
state of incorporation are other facts. What no rule knows is no fact.
"""

import re

from ablation.filings.company import possessive, subject
from ablation.filings.filing import Fact
from ablation.filings.passages import GAP, INCORPORATED, compiled
from ablation.filings.sentences import sentence_spans
from ablation.filings.states import ANY_STATE, state_mentions

FURTHEST = 500
"""Characters into its sentence that a state may stand: further in a list or a table, it is not said
of the sentence's subject."""

_BE = r"(?:is|are|was|were)"
_CORPORATION = compiled(
    r"""\A\s+(?:business\s+|general\s+|banking\s+|stock\s+|public\s+|holding\s+)?
        (?:corporation|company|limited\s+(?:partnership|liability)|business\s+trust)\b"""
)
_OFFICES = r"""(?:headquarters|(?:executive|corporate|home|principal|head)\s+offices?)"""
_OTHERS = r"(?:customer|client|companies|supplier|vendor|distributor|dealer)"
# Between "headquarters" and a state: an address, with none of the words that begin another thing.
_ADDRESS = rf"""(?:\s+(?:currently|presently))?(?:\s+{_BE})?(?:\s+(?:currently|presently))?
               (?:\s+(?:located|situated|maintained))?\s+(?:in|at|near)\s+
               (?:(?!\b(?:and|or|from|with|which|that|who|where|our|its|their|plants?|factory
                         |facilit\w+|warehouses?|subsidiar\w+|customers?|branch\w*)\b)
                  [^;:]){{0,120}}?"""


def own_state(section: str, question_key: str, state: str, company: str) -> Fact | None:
    """The first sentence that says ``state`` of the company itself, or None.

    Args:
        section: the text of Section 1.
        question_key: ``inc_state`` or ``hq_state``.
        state: the name of the state, as in ``states.STATES``.
        company: its registered name.
    """
    says = _incorporated_in(company) if question_key == "inc_state" else _headquartered_in(company)
    for first, last in sentence_spans(section):
        for mention in state_mentions(section[first : min(last, first + 2 * FURTHEST)]):
            if mention.start > FURTHEST:
                break
            if mention.state != state:
                continue
            before = section[first : first + mention.start]
            after = section[first + mention.end : min(last, first + 2 * FURTHEST)]
            if any(
                there.search(before) and (behind is None or behind.search(after))
                for there, behind in says
            ):
                return Fact(state, first + mention.start, first + mention.end)
    return None


_Rules = tuple[tuple[re.Pattern[str], re.Pattern[str] | None], ...]
"""What must stand before the state, up to it, and what behind it."""


def _incorporated_in(company: str) -> _Rules:
    own = subject(company)
    return (
        # "The Company was originally incorporated under the laws of the State of Delaware"
        (
            compiled(
                rf"""{own}(?:\s+{_BE}(?:\s+(?:originally|first|initially))?
                     |,\s+an?\s+(?:(?:{ANY_STATE})\s+)?(?:corporation|company))?
                     \s+{INCORPORATED}{GAP}\Z"""
            ),
            None,
        ),
        # "Incorporated in Delaware in 1984, the Company …"
        (
            compiled(rf"\A\W*(?:originally\s+)?{INCORPORATED}{GAP}\Z"),
            compiled(rf"\A[^.]{{0,80}},\s+{own}\b"),
        ),
        # "The Company is a Delaware corporation", "Anvil, Inc., a Delaware corporation"
        (compiled(rf"{own}(?:\s+{_BE}|,)\s+an?\s+\Z"), _CORPORATION),
    )


def _headquartered_in(company: str) -> _Rules:
    own = subject(company)
    return (
        # "Our corporate headquarters are located in", "The Company's executive offices are at"
        (compiled(rf"{possessive(company)}\s+(?:\w+\s+){{0,3}}?{_OFFICES}{_ADDRESS}\Z"), None),
        # "The Company maintains its principal executive offices at"
        (compiled(rf"{own}[^.;]{{0,80}}\bits\s+(?:\w+\s+){{0,3}}?{_OFFICES}{_ADDRESS}\Z"), None),
        # "The principal executive offices of Anvil are located at": no other company has such
        (
            compiled(
                rf"""\A\W*(?:the|its)\s+principal\s+(?:executive\s+)?offices?
                     (?:\s+of\s+[^.;]{{1,80}}?)?\s+{_BE}{_ADDRESS}\Z"""
            ),
            None,
        ),
        # "We are a securities firm headquartered in", "were founded in 1992 and are headquartered"
        (
            compiled(
                rf"""{own},?\s+(?:{_BE}\s+(?:(?!\b{_OTHERS})[^.;]){{0,100}}?)?
                     \bheadquartered{_ADDRESS}\Z"""
            ),
            None,
        ),
        # "Headquartered in Dayton, Ohio, the Company"
        (compiled(rf"\A\W*headquartered{_ADDRESS}\Z"), compiled(rf"\A,\s+{own}\b")),
    )
