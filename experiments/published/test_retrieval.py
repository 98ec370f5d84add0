"""Claim A8: retrieval by the selected heads alone, of which the study's files hold nothing."""

import pytest

from experiments.judging.verdict import Blocked
from experiments.published.sources.llama3 import LLAMA3

pytestmark = pytest.mark.published(LLAMA3)


@pytest.mark.claim("A8")
def test_selected_heads_retrieve_the_gold_paragraph(judged):
    assert judged(Blocked("no figures of retrieval among the files")).holds
