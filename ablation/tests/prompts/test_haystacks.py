import re

import pytest

from ablation.errors import InvalidInput
from ablation.filings.phrasings import STATES
from ablation.prompts.haystacks import haystack_text, ten_k_boilerplate


def test_boilerplate_answers_no_question():
    text = ten_k_boilerplate()
    assert not re.search(r"\d", text)
    assert not [state for state in STATES if state in text]
    assert "incorporated" not in text
    assert "headquarter" not in text


def test_boilerplate_fills_a_default_prompt_without_repeating():
    assert len(ten_k_boilerplate().split()) > 512


def test_an_unknown_haystack_is_refused():
    with pytest.raises(InvalidInput, match="unknown haystack 'hay'.*wikipedia, boilerplate"):
        haystack_text("hay")
