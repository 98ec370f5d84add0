"""The cases of the made-up study."""

import pytest

from experiments.cells.gap import gap_evidence

LEVEL = 4


@pytest.mark.claim("C1")
def test_random_heads_do_no_more_harm_than_others(random_outcomes, noise, judged):
    assert judged(gap_evidence(random_outcomes, LEVEL, noise=noise)).holds


@pytest.mark.baseline("random_heads", "{model}")
def test_what_is_left_is_that_of_the_baseline(model, random_outcomes, json_baseline):
    json_baseline.check(
        {cell.question: sum(cell.top[LEVEL].values()) for cell in random_outcomes}, provenance={}
    )
