import pytest

from ablation.filings.states import STATES, state_mentions, state_of_code, state_of_name


def _states_named_in(text: str) -> list[str]:
    return [mention.state for mention in state_mentions(text)]


def test_the_table_has_fifty_states_and_the_district_of_columbia() -> None:
    assert len(STATES) == len(set(STATES.values())) == 51


@pytest.mark.parametrize(
    ("code", "state"),
    [("DE", "Delaware"), (" wv ", "West Virginia"), ("DC", "District of Columbia")],
)
def test_a_code_becomes_a_name(code: str, state: str) -> None:
    assert state_of_code(code) == state


@pytest.mark.parametrize("code", ["A0", "X0", "PR", "", "Delaware", "None"])
def test_codes_of_other_places_are_not_known(code: str) -> None:
    assert state_of_code(code) is None


def test_a_name_is_a_whole_name() -> None:
    assert state_of_name(" new  YORK ") == "New York"
    assert state_of_name("North Carolina and Georgia") is None
    assert state_of_name("NLL") is None


@pytest.mark.parametrize(
    ("text", "states"),
    [
        ("in West Virginia and Virginia", ["West Virginia", "Virginia"]),
        ("in Arkansas, not KANSAS", ["Arkansas", "Kansas"]),
        ("in Washington, D.C. and Washington DC", ["District of Columbia"] * 2),
        ("Austin, TX 78701, Lima, OH 45801-1234", ["Texas", "Ohio"]),
        ("IN 1985, OR 97 of ME, tx 78701", []),
        ("in Seattle, Washington, and elsewhere", ["Washington"]),
        ("George Washington crossed the Delaware River", []),
        ("New York City, New York", ["New York"]),
        ("in New\nYork", ["New York"]),
        ("a Delawarean in the Californias", []),
    ],
)
def test_states_are_found_as_whole_words(text: str, states: list[str]) -> None:
    assert _states_named_in(text) == states


def test_a_mention_carries_its_characters() -> None:
    text = "offices in Austin, Texas 78758"
    (mention,) = state_mentions(text)
    assert text[mention.start : mention.end] == "Texas"
