"""Claim A7: three detection methods side by side; and how stable each one's ranking is.

Judged on the cells of 2048 tokens, as A1 to A3 are: the jumps between lengths are very likely the
source's other path for long prompts, and no finding about long contexts.
"""

from itertools import combinations

import pytest

from experiments.claims import LEVELS
from experiments.published.evidence.drop_evidence import gap_evidence, percents
from experiments.published.evidence.rankings import overlap_evidence, stability
from experiments.published.sources.groups import LENGTHS
from experiments.published.sources.llama3 import (
    INVALID,
    LLAMA3,
    METHODS,
    TOP,
    llama3_study,
    valid,
)

pytestmark = pytest.mark.published(LLAMA3)

ROUNDING = 0.0005001
"""Of indices written to three digits."""

STUDY = llama3_study()
CELLS = {method: valid(cells) for method, cells in STUDY.cells.items()}
KNOWN_NOT_TO_HOLD = {f"{LLAMA3} A7 {part} all cells": INVALID for part in ("overlap", *METHODS)}
# The ids leave a study's name out, which -k would take for all cases of that study.
QUERY_FOCUSED, WU24, SUMMED = METHODS
METHOD_IDS = ("query-focused", "wu24", "summed")
PAIR_IDS = [f"{first} and {second}" for first, second in combinations(METHOD_IDS, 2)]
PAIRS_OF_LENGTHS = list(combinations(LENGTHS, 2))
PAIRS_OF_QUESTIONS = list(combinations(("inc_state", "inc_year", "employee_count", "hq_state"), 2))

each_method = pytest.mark.parametrize("method", METHODS, ids=METHOD_IDS)


@pytest.mark.claim("A7", "overlap")
def test_the_rankings_hold_different_heads(judged):
    assert judged(overlap_evidence(CELLS, METHODS)).holds


@pytest.mark.claim("A7", "overlap", of="all cells")
def test_the_rankings_hold_different_heads_in_all_cells(judged):
    assert judged(overlap_evidence(STUDY.cells, METHODS)).holds


@pytest.mark.claim("A7", "overlap", of="{pair[0]} and {pair[1]}")
@pytest.mark.parametrize("pair", list(combinations(METHODS, 2)), ids=PAIR_IDS)
def test_two_rankings_hold_different_heads(pair, judged):
    assert judged(overlap_evidence(CELLS, pair)).holds


@pytest.mark.claim("A7", "{method}")
@each_method
def test_the_heads_of_the_method_are_causal(method, judged):
    assert judged(gap_evidence(CELLS[method], LEVELS[-1])).holds


@pytest.mark.claim("A7", "{method}", of="all cells")
@each_method
def test_the_heads_of_the_method_are_causal_in_all_cells(method, judged):
    assert judged(gap_evidence(STUDY.cells[method], LEVELS[-1])).holds


@pytest.mark.claim("A7", "{method}", of="{level} heads")
@pytest.mark.parametrize("level", LEVELS[:-1])
@each_method
def test_fewer_heads_of_the_method_are_causal(method, level, judged):
    assert judged(gap_evidence(CELLS[method], level)).holds


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        (QUERY_FOCUSED, [4.0, 5.9, 15.0, 21.4, 27.7, 30.8]),
        (WU24, [0.6, 1.0, 5.4, 16.9, 23.3, 30.9]),
        (SUMMED, [14.4, 18.9, 18.5, 25.2, 29.0, 30.8]),
    ],
    ids=METHOD_IDS,
)
def test_the_drops_meet_at_fifty_heads(method, expected):
    assert percents(STUDY, STUDY.cells[method], TOP) == expected


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        (QUERY_FOCUSED, [0.239, 0.223, 0.224, 0.779, 0.655, 0.779]),  # another from 4096 on
        (WU24, [0.465, 0.412, 0.405, 0.538, 0.466, 0.529]),
        (SUMMED, [0.669, 0.065, 0.113, 0.064, 0.118, 0.578]),  # another from 6144 on
    ],
    ids=METHOD_IDS,
)
def test_how_stable_a_ranking_is_between_lengths(method, expected):
    found = [stability(STUDY.cells[method], "tokens", *pair) for pair in PAIRS_OF_LENGTHS]
    assert found == pytest.approx(expected, abs=ROUNDING)


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        (QUERY_FOCUSED, [0.494, 0.504, 0.692, 0.473, 0.436, 0.471]),
        (WU24, [0.296, 0.390, 0.464, 0.349, 0.332, 0.388]),
        (SUMMED, [0.517, 0.394, 0.588, 0.486, 0.422, 0.384]),
    ],
    ids=METHOD_IDS,
)
def test_how_stable_a_ranking_is_between_questions(method, expected):
    found = [stability(STUDY.cells[method], "question", *pair) for pair in PAIRS_OF_QUESTIONS]
    assert found == pytest.approx(expected, abs=ROUNDING)


@pytest.mark.parametrize(
    ("method", "expected"),
    [(QUERY_FOCUSED, 0.430), (WU24, 0.365), (SUMMED, 0.378)],
    ids=METHOD_IDS,
)
def test_how_stable_a_ranking_is_between_the_two_models(method, expected):
    found = stability(STUDY.cells[method], "model", "instruct", "base")
    assert found == pytest.approx(expected, abs=ROUNDING)


def test_the_unablated_answers_are_the_same_in_all_files():
    unablated = [
        [(str(cell), cell.unablated, cell.total) for cell in STUDY.cells[method]]
        for method in METHODS
    ]
    assert unablated[0] == unablated[1] == unablated[2]
