"""The curve of all cells of a report: of those that the claims are judged from, and no others."""

from types import SimpleNamespace

import pytest

from ablation.detection.controls import LAYER_MATCHED, UNIFORM
from experiments.cells.outcomes import CellOutcomes
from experiments.pages.report.cells import curve
from experiments.pages.report.gathered import _pooled


def reported(question, fold, right, levels):
    """A cell of four items; so many of them are right unablated, and none with heads ablated."""
    items = [f"{fold}-{n}" for n in range(4)]
    unablated = {item: n < right for n, item in enumerate(items)}
    outcomes = CellOutcomes(
        question,
        400,
        {item: item for item in items},
        unablated,
        {level: dict.fromkeys(items, False) for level in levels},
        {UNIFORM: [], LAYER_MATCHED: []},
        set(),
    )
    return SimpleNamespace(
        name=f"{question} {fold}",
        cell=SimpleNamespace(question=question, tokens=400),
        outcomes=outcomes,
        draws={},
    )


@pytest.mark.parametrize("levels", [(5, 10), (5,)], ids=["whole", "one lacks a level"])
def test_folds_of_a_question_are_judged_as_one(levels):
    low = [reported("hq_state", fold, 0, (5, 10)) for fold in range(2)]
    # One fold has nothing to lose, both together have.
    folds = [reported("inc_state", 0, 4, (5, 10)), reported("inc_state", 1, 0, levels)]
    found = _pooled([*low, *folds])
    assert found["cells"] == ["inc_state 0", "inc_state 1"]
    assert found["left_out"] == ["hq_state 0", "hq_state 1"]
    tops = [row["heads"] for row in found["curve"] if row["kind"] == "top"]
    assert tops == list(levels)


def test_where_no_cell_has_anything_to_lose_all_are_shown():
    cells = [reported(question, 0, 0, (5,)) for question in ("hq_state", "inc_state")]
    assert _pooled(cells)["left_out"] == []


def test_every_draw_is_a_line_and_the_thick_one_their_mean():
    items = [f"company-{n}" for n in range(4)]

    def right(number):
        return {item: n < number for n, item in enumerate(items)}

    draws = [{5: right(4), 10: right(2)}, {5: right(2), 10: right(0)}, {5: right(0)}]
    controls = {UNIFORM: draws, LAYER_MATCHED: []}
    companies = {item: item for item in items}
    cell = CellOutcomes("inc_state", 400, companies, right(4), {}, controls, set())
    seeds = ["seed 42", "seed 43", "seed 44"]
    rows = curve([cell], {UNIFORM: seeds, LAYER_MATCHED: []})
    thin = [(row["draw"], row["heads"], row["right"], row["of"]) for row in rows if row["draw"]]
    assert thin == [
        ("draw 1", 5, 100, ["seed 42"]),
        ("draw 1", 10, 50, ["seed 42"]),
        ("draw 2", 5, 50, ["seed 43"]),
        ("draw 2", 10, 0, ["seed 43"]),
        ("draw 3", 5, 0, ["seed 44"]),
    ]
    # The third lacks a level: the mean is of those that have all.
    thick = [row for row in rows if row["kind"] == UNIFORM and not row["draw"]]
    assert [(row["heads"], row["right"]) for row in thick] == [(5, 75), (10, 25)]
    assert all(row["of"] == seeds[:2] for row in thick)
