"""Evidence on claim A7 from made-up rankings and answers."""

import pytest

from ablation.detection.controls import LAYER_MATCHED, SHARED
from ablation.detection.ranking import HeadRanking
from experiments.cells.outcomes import CellOutcomes
from experiments.judging.verdict import Blocked, Evidence
from experiments.methods.comparison import Comparison, Ranked
from experiments.methods.comparison_evidence import causal_evidence, overlap_evidence

LAYERS, HEADS = 4, 5
FILINGS = [f"f{number}" for number in range(8)]


def ranking(*best):
    """The heads with these numbers, best first; the others were not found."""
    scores = [[0.0] * HEADS for _ in range(LAYERS)]
    for place, head in enumerate(best):
        scores[head // HEADS][head % HEADS] = float(len(best) - place)
    return HeadRanking.from_scores(scores)


RANKED = Ranked(
    {
        "qrhead": [ranking(*range(20)), ranking(*range(19, -1, -1))],
        "wu24": [ranking(0, 1, 7, 8), ranking(19, 5, 6)],
    },
    {"gradient": "no reason"},
)


def answers(right):
    return {filing: place < right for place, filing in enumerate(FILINGS)}


def outcomes(top, matched, shared):
    companies = {filing: filing for filing in FILINGS}
    controls = {LAYER_MATCHED: [{2: answers(matched)}], SHARED: [{2: answers(shared)}]}
    return CellOutcomes("inc_state", 200, companies, answers(8), {2: answers(top)}, controls)


COMPARED = Comparison(
    {"qrhead": [outcomes(1, 5, 8)] * 2, "wu24": [outcomes(0, 4, 8)] * 2},
    {("qrhead", 2): [0, 0], ("wu24", 2): [0, 1]},
    {(SHARED, 3): "too few heads", ("wu24", 4): "it found only 3 heads in a cell"},
    {},
)


@pytest.mark.parametrize(
    ("levels", "wanted"), [((1, 2, 3, 4), 3), ((2, 5), 2), ((4, 5), None), ((), None)]
)
def test_the_level_is_one_at_which_each_method_has_found_heads_enough(levels, wanted):
    assert RANKED.common_level(levels) == wanted
    assert Ranked({}, {"wu24": "no reason"}).common_level(levels) is None


def test_the_overlap_is_the_mean_of_the_cells_and_tells_what_random_lists_share():
    found = overlap_evidence(RANKED, ["qrhead", "wu24"], 2)
    assert isinstance(found, Evidence)
    # The first cell's lists are the same; of the second's {19, 18} and {19, 5} share one of three.
    assert found.estimate == pytest.approx((1 + 1 / 3) / 2)
    assert found.interval is not None
    assert (found.n, found.units) == (2, "cells")
    assert "two random sets of 2 of 20 heads share 0.05" in found.note


@pytest.mark.parametrize(
    ("pair", "level", "wanted"),
    [
        (["qrhead", "gradient"], 2, Blocked("gradient: no reason", missing=False)),
        (["qrhead", "wu24"], 4, Blocked("wu24 found only 3 heads in a cell", missing=False)),
    ],
)
def test_without_a_ranking_or_heads_enough_there_is_no_overlap(pair, level, wanted):
    assert overlap_evidence(RANKED, pair, level) == wanted


def test_a_gap_names_the_level_and_the_controls_that_lie_elsewhere():
    found = causal_evidence(RANKED, COMPARED, "wu24", 2)
    assert isinstance(found, Evidence)
    assert found.estimate == 0.5
    assert found.note.startswith("top 2 (qrhead found 20, wu24 found 3); correct: top 0.0%, ")
    assert "layer-matched control 50.0%" in found.note
    assert found.note.endswith("1 of 4 control heads lie in neighbouring layers")
    shared = causal_evidence(RANKED, COMPARED, "qrhead", 2, SHARED)
    assert isinstance(shared, Evidence)
    assert shared.estimate == pytest.approx(7 / 8)
    assert "neighbouring" not in shared.note


@pytest.mark.parametrize(
    ("method", "level", "kind", "wanted"),
    [
        ("gradient", 2, LAYER_MATCHED, Blocked("gradient: no reason", missing=False)),
        (
            "wu24",
            4,
            LAYER_MATCHED,
            Blocked("wu24: it found only 3 heads in a cell", missing=False),
        ),
        ("qrhead", 3, SHARED, Blocked("shared: too few heads", missing=False)),
    ],
)
def test_what_was_left_out_is_no_evidence(method, level, kind, wanted):
    assert causal_evidence(RANKED, COMPARED, method, level, kind) == wanted
