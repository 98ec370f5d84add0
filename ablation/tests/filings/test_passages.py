import pytest

from ablation.filings.passages import extract_employee_count, extract_inc_year, locate_fact


@pytest.mark.parametrize(
    ("section", "key", "value", "start"),
    [
        ("In 1988 we moved. Incorporated in Ohio in 1988.", "inc_year", "1988", 42),
        ("We owe $1988 and 1,988.", "inc_year", "1988", None),
        ("Paid 486 bills; 486 persons.", "employee_count", "486", 16),
        ("Sales were $486 million; our employees met.", "employee_count", "486", None),
        ("114,200 or 14,2001 or 14,200.5 employees", "employee_count", "14200", None),
        ("There were 4 mills in Ohio.", "employee_count", "4", None),
        ("We mill in Ohio. Our anvils are fine.", "hq_state", "Ohio", 11),
    ],
)
def test_locating_a_known_answer(section: str, key: str, value: str, start: int | None) -> None:
    fact = locate_fact(section, key, value)
    assert (fact and fact.start) == start


@pytest.mark.parametrize(
    ("section", "year"),
    [
        ("Anvil Works, Inc. was organized under the laws of the State of Ohio in 1901.", "1901"),
        ('Anvil Works ("Anvil" or the "Company") was formed on May 3, 1988.', "1988"),
        ("Business\nIncorporated in 1984, Anvil was the first.", "1984"),
        ("Anvil was incorporated in Texas in 1984 and reincorporated in Delaware in 1995.", "1984"),
        ("The Company was reincorporated in Delaware in 1995.", None),
        ("The Company was incorporated in Ohio and bought a mill in 1985.", None),
        ("Anvil Finance was incorporated in Ohio in 1985.", None),
        ("We were incorporated in 1985. The Company was formed in 1990.", None),
        ("We were incorporated in 2015.", None),
    ],
)
def test_extracting_the_year_of_incorporation(section: str, year: str | None) -> None:
    fact = extract_inc_year(section, "ANVIL WORKS INC", 2010)
    assert (fact and fact.value) == year


@pytest.mark.parametrize(
    ("section", "count"),
    [
        ("The Company employed approximately 166,000 people as of May 1.", "166000"),
        (
            "Anvil and its wholly-owned subsidiaries employed 192 regular full-time employees.",
            "192",
        ),
        ("At year end the Registrant had 2,602 employees (full-time equivalent).", "2602"),
        ("We had approximately 500 employees engaged in research.", None),
        ("We had 25 full-time and 3 part-time employees.", None),
        ("We had 215 full-time employees (4 of them temporary) and 1 part-time employee.", None),
        ("Anvil Finance had 248 employees.", None),
        ("The Company had 350 employees at December 31, 2004.", "350"),
        ("We had 350 employees in total at the end of the year.", "350"),
        ("We had 350 employees at our Lima plant.", None),
        ("We had 120 employees in Mexico and 450 employees in Texas.", None),
        *(
            (f"The Company has approximately 1,500 employees {of_a_part}.", None)
            for of_a_part in (
                "covered by collective bargaining agreements",
                "represented by unions",
                "located abroad",
                "outside the United States",
                "subject to such agreements",
                "under contract",
            )
        ),
        ("We had 248 employees. In May the Company had 250 employees.", None),
        ("We had 0 employees.", None),
    ],
)
def test_extracting_the_number_of_employees(section: str, count: str | None) -> None:
    fact = extract_employee_count(section, "ANVIL WORKS INC")
    assert (fact and fact.value) == count
