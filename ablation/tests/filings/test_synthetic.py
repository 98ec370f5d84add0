import hashlib
import re

import pytest

from ablation.errors import InvalidInput
from ablation.filings import phrasings
from ablation.filings.filing import QUESTIONS
from ablation.filings.split import split_filings
from ablation.filings.synthetic import synthetic_filings
from ablation.metrics.answers import normalise

FILINGS = synthetic_filings().filings


def test_the_same_seed_gives_the_same_bytes_on_every_platform():
    """Pinned: every figure of the embedded model depends on these bytes."""
    text = "\f".join(filing.section for filing in FILINGS)
    assert hashlib.sha256(text.encode()).hexdigest() == (
        "d7b2ccf37c233bbd5ec2d347a02487c26f0700d130bae4f4b7c5e87c28a9e709"
    )


def test_another_seed_gives_other_filings_and_the_count_changes_none():
    assert synthetic_filings(5, seed=7).filings != synthetic_filings(5).filings
    assert synthetic_filings(5).filings == FILINGS[:5]


def test_every_filing_states_all_four_facts_where_it_says():
    for filing in FILINGS:
        assert filing.facts.keys() == QUESTIONS.keys()
        for fact in filing.facts.values():
            assert normalise(filing.section[fact.start : fact.end]) == fact.value.lower()


def test_facts_are_stated_once():
    for filing in FILINGS:
        for fact in filing.facts.values():
            written = filing.section[fact.start : fact.end]
            assert len(re.findall(rf"\b{re.escape(written)}\b", filing.section)) == 1


def test_every_section_holds_distractors_of_every_kind():
    for filing in FILINGS:
        states = [state for state in phrasings.STATES if state in filing.section]
        numbers = re.findall(r"\d[\d,]*\d|\d", filing.section)
        years = {number for number in numbers if re.fullmatch(r"1[89]\d\d,?", number)}
        counts = set(numbers) - years - {"1", "31"}
        assert len(states) >= 4
        assert len(years) >= 3
        assert len(counts) >= 3


def test_every_fact_has_at_least_five_phrasings_and_all_are_used():
    assert phrasings.FACTS.keys() == QUESTIONS.keys()
    for key, sentences in phrasings.FACTS.items():
        assert len(set(sentences)) >= 5
        for sentence in sentences:
            literal = max(re.split(r"\{\w+\}", sentence), key=len)
            assert any(literal in filing.section for filing in FILINGS), (key, sentence)


def test_no_state_lies_inside_another():
    for state in phrasings.STATES:
        assert [other for other in phrasings.STATES if state in other] == [state]


def test_sections_are_of_the_length_of_a_short_business_section():
    """About 150 to 300 tokens; words are counted here so that no tokenizer is needed."""
    for filing in FILINGS:
        assert 105 <= len(filing.section.split()) <= 190


def test_the_split_is_80_to_20_and_the_same_every_time():
    detection, test = split_filings(FILINGS)
    assert (len(detection), len(test)) == (64, 16)
    assert {f.name for f in detection} | {f.name for f in test} == {f.name for f in FILINGS}
    assert [f.name for f in split_filings(FILINGS)[1]] == [f.name for f in test]


def test_no_filing_is_refused():
    with pytest.raises(InvalidInput, match="at least 1 synthetic filing"):
        synthetic_filings(0)
