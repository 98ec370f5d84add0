import pytest

from ablation.detection.ranking import HeadRanking
from ablation.errors import InvalidInput
from ablation.heads import Head, HeadGrid

GRID = HeadGrid.even(2, 2)
ROWS = HeadRanking.from_scores([[0.1, 0.4], [0.4, -0.2]]).to_json()


def test_scores_are_sorted_and_ties_go_by_the_head():
    assert [row["head"] for row in ROWS] == ["L0H1", "L1H0", "L0H0", "L1H1"]
    assert [row["rank"] for row in ROWS] == [1, 2, 3, 4]


def test_a_ranking_survives_its_file():
    ranking = HeadRanking.from_json({"head_rankings": ROWS}, GRID)
    assert ranking.to_json() == ROWS
    assert ranking.top(2) == (Head(0, 1), Head(1, 0))


def test_a_ranking_from_elsewhere_may_leave_heads_out():
    few = HeadRanking.from_json({"head_rankings": ROWS[:2]}, GRID)
    assert few.top(2) == (Head(0, 1), Head(1, 0))
    with pytest.raises(InvalidInput, match="the top 3 heads are required, but the ranking holds 2"):
        few.top(3)


def test_heads_with_a_score_of_0_were_not_found_and_are_never_the_top():
    scores = [[0.0, 0.0], [0.3, 0.0], [-0.1, 0.2]]
    for ranking in (
        HeadRanking.from_scores(scores),
        HeadRanking.from_json(
            {"head_rankings": HeadRanking.from_scores(scores).to_json()}, HeadGrid.even(3, 2)
        ),
    ):
        assert len(ranking.entries) == 6
        assert ranking.found == ranking.top(3) == (Head(1, 0), Head(2, 1), Head(2, 0))
        with pytest.raises(InvalidInput, match="holds 3, and 3 with a score of 0: ablate fewer"):
            ranking.top(4)


def changed(index, **fields):
    return {
        "head_rankings": [{**row, **fields} if i == index else row for i, row in enumerate(ROWS)]
    }


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ([], "a list 'head_rankings'"),
        ({}, "a list 'head_rankings'"),
        ({"head_rankings": "L0H1"}, "a list 'head_rankings'"),
        ({"head_rankings": ["L0H1"]}, "a list 'head_rankings'"),
        (changed(0, head="0-1"), "bad head name '0-1'"),
        (changed(0, head=None), "bad head name None"),
        (changed(0, head="L2H0"), "head L2H0 is out of range"),
        (changed(0, head="L0H9"), "head L0H9 is out of range"),
        (changed(0, head="L1H0"), "head L1H0 is listed twice"),
        (changed(1, score="high"), "entry 2: a number 'score' is required, got 'high'"),
        (changed(1, score=True), "entry 2: a number 'score'"),
        (changed(1, score=float("nan")), "entry 2: a finite 'score'"),
        ({"head_rankings": []}, "at least one head must be ranked, got none"),
        ({"head_rankings": [ROWS[0]] * 50_001}, "at most 50,000 heads is required, got 50,001"),
    ],
)
def test_a_malformed_ranking_is_refused(document, message):
    with pytest.raises(InvalidInput, match=message):
        HeadRanking.from_json(document, GRID)


def test_more_heads_than_there_are_cannot_be_the_top():
    with pytest.raises(InvalidInput, match="the top 5 heads are required"):
        HeadRanking.from_json({"head_rankings": ROWS}, GRID).top(5)
