"""Claims A1 to A3 judged from the study's 32 cells, pooled and by model, question and length."""

import pytest

from experiments.claims import LEVELS
from experiments.published.evidence.drop_evidence import (
    gap_evidence,
    growth_evidence,
    harmless_evidence,
)
from experiments.published.sources.groups import GROUPS, group
from experiments.published.sources.llama3 import LLAMA3, STUDY_METHOD, TOP, drops, llama3_study

pytestmark = pytest.mark.published(LLAMA3)

LOWEST, HIGHEST = LEVELS[0], LEVELS[-1]
GAPS_BELOW_THE_PUBLISHED = {
    "instruct": {5: 5.1, 10: 6.5, 20: 13.1},
    "base": {5: 1.3, 10: 4.8},
    "inc_state": {10: 8.7},
    "inc_year": {10: 7.8, 20: 9.0, 30: 10.2, 40: 19.9},
    "employee_count": {5: 2.1, 10: 9.0, 30: 16.0, 40: 18.4, 50: 22.9},
    "hq_state": {5: -1.9, 10: -2.9, 20: 6.7},
    "2048 tokens": {},
    "4096 tokens": {5: 1.4, 10: 4.7, 20: 10.8, 30: 11.0, 40: 13.1, 50: 22.4},
    "6144 tokens": {5: -1.2, 10: 1.1, 20: 4.6, 40: 13.7},
    "8192 tokens": {5: -0.3, 10: 1.3, 20: 10.4},
}
"""Group -> level -> gap in the files, points, where it is smaller than the table's pooled one."""

KNOWN_NOT_TO_HOLD = {
    f"{LLAMA3} A1 5": "gap 3.2 points [-3.1, 9.6] in the files, 5.5 in the table; p = 0.08",
    f"{LLAMA3} A1 10": "gap 5.7 points [-3.4, 14.8] in the files, 9.2 in the table",
    **{
        f"{LLAMA3} A1 {level} {name}": f"gap {gap} points in the files of this group"
        for name, found in GAPS_BELOW_THE_PUBLISHED.items()
        for level, gap in found.items()
    },
}

CELLS = llama3_study().cells[STUDY_METHOD]


@pytest.mark.claim("A1", "{level}")
@pytest.mark.parametrize("level", LEVELS)
def test_top_heads_hurt_more_than_the_control(level, judged):
    assert judged(gap_evidence(CELLS, level)).holds


@pytest.mark.claim("A1", "{level}", of="{name}")
@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("name", GROUPS)
def test_top_heads_hurt_more_in_the_group(name, level, judged):
    evidence = gap_evidence(group(CELLS, name), level)
    expected = GAPS_BELOW_THE_PUBLISHED[name].get(level)
    if expected is not None and round(100 * evidence.estimate, 1) != expected:
        pytest.fail(f"the finding says {expected} points, the files {evidence.estimate:.4f}")
    assert judged(evidence).holds


@pytest.mark.claim("A2")
def test_the_drop_grows(judged):
    assert judged(growth_evidence(CELLS, LOWEST, HIGHEST)).holds


@pytest.mark.claim("A2", of="{name}")
@pytest.mark.parametrize("name", GROUPS)
def test_the_drop_grows_in_the_group(name, judged):
    assert judged(growth_evidence(group(CELLS, name), LOWEST, HIGHEST)).holds


@pytest.mark.claim("A3")
def test_control_heads_barely_hurt(judged):
    assert judged(harmless_evidence(CELLS, HIGHEST)).holds


@pytest.mark.claim("A3", of="{name}")
@pytest.mark.parametrize("name", GROUPS)
def test_control_heads_barely_hurt_in_the_group(name, judged):
    assert judged(harmless_evidence(group(CELLS, name), HIGHEST)).holds


@pytest.mark.parametrize(
    ("tokens", "points"), [(2048, 14.7), (4096, 1.9), (6144, 0.0), (8192, -0.4)]
)
def test_five_heads_cost_something_at_the_shortest_length_alone(tokens, points):
    # Very likely the source's path for longer prompts, without rotary positions and causal mask.
    found = drops(group(CELLS, f"{tokens} tokens"), TOP, 5).mean()
    assert 100 * found == pytest.approx(points, abs=0.05)


def test_no_cell_is_under_the_floor():
    lowest = min(CELLS, key=lambda cell: cell.unablated_accuracy)
    assert (lowest.unablated, lowest.total) == (11, 36)
    assert "left out" not in gap_evidence(CELLS, HIGHEST).note
