"""The US states: the codes EDGAR writes, and where a text names one.

In words, or by its code where an address has one: before a ZIP code. "Washington, D.C." names the
District of Columbia.

A table of 51 rows, because the library that holds it (``us``) brings a compiled dependency along.
EDGAR's codes of other places (``A0`` Alberta, ``X0`` United Kingdom, territories such as ``PR``)
are simply not known here: no question of the study can be answered with them.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

STATES: Mapping[str, str] = {
    "AL": "Alabama",
    "AK": "Alaska",
    "AZ": "Arizona",
    "AR": "Arkansas",
    "CA": "California",
    "CO": "Colorado",
    "CT": "Connecticut",
    "DE": "Delaware",
    "DC": "District of Columbia",
    "FL": "Florida",
    "GA": "Georgia",
    "HI": "Hawaii",
    "ID": "Idaho",
    "IL": "Illinois",
    "IN": "Indiana",
    "IA": "Iowa",
    "KS": "Kansas",
    "KY": "Kentucky",
    "LA": "Louisiana",
    "ME": "Maine",
    "MD": "Maryland",
    "MA": "Massachusetts",
    "MI": "Michigan",
    "MN": "Minnesota",
    "MS": "Mississippi",
    "MO": "Missouri",
    "MT": "Montana",
    "NE": "Nebraska",
    "NV": "Nevada",
    "NH": "New Hampshire",
    "NJ": "New Jersey",
    "NM": "New Mexico",
    "NY": "New York",
    "NC": "North Carolina",
    "ND": "North Dakota",
    "OH": "Ohio",
    "OK": "Oklahoma",
    "OR": "Oregon",
    "PA": "Pennsylvania",
    "RI": "Rhode Island",
    "SC": "South Carolina",
    "SD": "South Dakota",
    "TN": "Tennessee",
    "TX": "Texas",
    "UT": "Utah",
    "VT": "Vermont",
    "VA": "Virginia",
    "WA": "Washington",
    "WV": "West Virginia",
    "WI": "Wisconsin",
    "WY": "Wyoming",
}

_BY_LOWER_NAME = {name.lower(): name for name in STATES.values()}

# Longest first, so that "West Virginia" is consumed before "Virginia" can match inside it.
ANY_STATE = "|".join(
    re.escape(name).replace(r"\ ", r"\s+")
    for name in sorted(STATES.values(), key=len, reverse=True)
)

# A state's name that means something else: "New York City" names the city, and says of the state
# only what the next words say.
_INITIALS = "".join(sorted({name[0] for name in (*STATES, *STATES.values())}))
_MENTION = re.compile(
    # The initials halve the time: at most places there is nothing to be tried.
    rf"""\b(?=[{_INITIALS}])
       (?:(?P<district>Washington,?\s+D\.?\s*C\b\.?)
          |(?P<other>
            (?:George|Lake|Mount|Fort|Port|Martha)\s+Washington\b
          | (?:{ANY_STATE})\s+(?:City|River)\b
         )
       | (?P<state>{ANY_STATE})\b
       | (?-i:(?P<code>{"|".join(STATES)}))(?=\.?,?\s+[0-9]{{5}}(?:-[0-9]{{4}})?\b))""",
    re.IGNORECASE | re.VERBOSE,
)


@dataclass(frozen=True)
class StateMention:
    """``text[start:end]`` names ``state``, in any letter case and white space."""

    state: str
    start: int
    end: int


def state_of_code(code: str) -> str | None:
    """The name of a two-letter code as EDGAR writes it, or None for any other place."""
    return STATES.get(code.strip().upper())


def state_of_name(text: str) -> str | None:
    """The state whose name is all of ``text``, letter case and white space aside, or None."""
    return _BY_LOWER_NAME.get(" ".join(text.lower().split()))


def state_mentions(text: str) -> Iterator[StateMention]:
    """Every state named in ``text``, in order; "West Virginia" does not mention Virginia."""
    for match in _MENTION.finditer(text):
        if match["district"]:
            yield StateMention(STATES["DC"], *match.span("district"))
        elif match["code"]:
            yield StateMention(STATES[match["code"]], *match.span("code"))
        elif match["state"] and (state := state_of_name(match["state"])):
            yield StateMention(state, *match.span("state"))
