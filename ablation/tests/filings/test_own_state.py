"""A state is a fact where the filing says it of its own company, and nowhere else."""

import pytest

from ablation.filings.own_state import own_state

COMPANY = "ANVIL WORKS INC"
OHIO = "Ohio"


@pytest.mark.parametrize(
    "sentence",
    [
        "The Company was incorporated in Ohio in 1985.",
        "We were originally organized under the laws of the State of Ohio in 1901.",
        "Anvil Works, Inc. (the “Company”) is a corporation organized in Ohio.",
        "Anvil Works, Inc., an Ohio corporation, makes anvils.",
        "The Registrant is an Ohio business corporation.",
        "Incorporated in Ohio in 1984, Anvil was the first.",
    ],
)
def test_where_the_company_was_incorporated(sentence):
    found = own_state(f"It makes anvils. {sentence} It sells them.", "inc_state", OHIO, COMPANY)
    assert found is not None
    assert f"It makes anvils. {sentence}"[found.start : found.end] == OHIO


@pytest.mark.parametrize(
    "sentence",
    [
        "In 1996 it acquired Acme Tools, Inc., an Ohio corporation.",
        "The Company acquired Acme Tools, an Ohio corporation.",
        "Our subsidiary was incorporated in Ohio.",
        "Anvil Finance is an Ohio corporation.",
        "Our customers were formed under the laws of Ohio.",
        "The Company was incorporated in Texas and has a plant in Ohio.",
        "Incorporated herein by reference is an Ohio statute.",
    ],
)
def test_where_another_company_was_incorporated(sentence):
    assert own_state(sentence, "inc_state", OHIO, COMPANY) is None


@pytest.mark.parametrize(
    ("sentence", "stated"),
    [
        ("Our corporate headquarters are located in Dayton, Ohio.", "Ohio"),
        ("The Company's executive offices are at 1 Elm Street, Dayton, OH 45402-1234.", "OH"),
        (
            "The Company maintains its principal executive offices at 1 Elm St., Lima, Ohio.",
            "Ohio",
        ),
        ("The principal executive offices of Anvil are located at 1 Elm, Dayton, Ohio.", "Ohio"),
        ("We are a maker of anvils headquartered in Dayton, Ohio.", "Ohio"),
        ("We were founded in 1992 and are headquartered in Dayton, Ohio.", "Ohio"),
        ("Headquartered in Dayton, Ohio, the Company makes anvils.", "Ohio"),
        ("Personnel are located at our corporate headquarters in Dayton, Ohio and Taiwan.", "Ohio"),
    ],
)
def test_where_the_company_has_its_headquarters(sentence, stated):
    found = own_state(sentence, "hq_state", OHIO, COMPANY)
    assert found is not None
    assert (found.value, sentence[found.start : found.end]) == (OHIO, stated)


@pytest.mark.parametrize(
    "sentence",
    [
        "We serve customers headquartered in the United States from our Dayton, Ohio facility.",
        "We have customers headquartered in Ohio.",
        "The Company's headquarters are located in Atlanta, Georgia, and its plant in Lima, Ohio.",
        "Our headquarters are in Georgia; our plant is in Ohio.",
        "First Federal conducts business through its main office located in Dayton, Ohio.",
        "Acme Tools, which we supply, is headquartered in Dayton, Ohio.",
        "Our largest plant is located in Lima, Ohio.",
        "Our executive offices are at 1 OH 4 Street, Atlanta, GA 30301.",
    ],
)
def test_where_something_else_is(sentence):
    assert own_state(sentence, "hq_state", OHIO, COMPANY) is None


def test_the_district_of_columbia_is_found_as_it_is_written():
    section = "The Company's headquarters are located in Washington, D.C. It had 45 employees."
    found = own_state(section, "hq_state", "District of Columbia", COMPANY)
    assert found is not None
    assert section[found.start : found.end] == "Washington, D.C."
    assert own_state(section, "hq_state", "Washington", COMPANY) is None
