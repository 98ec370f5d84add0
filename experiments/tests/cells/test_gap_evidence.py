"""The evidence on accuracy claims, from documents written by hand."""

from dataclasses import replace

import pytest

from ablation.detection.controls import LAYER_MATCHED, UNIFORM
from ablation.stats.proportions import mcnemar
from experiments.cells.gap import ENOUGH_DRAWS, above_floor, cell_gap_evidence, gap_evidence
from experiments.cells.outcomes import RANDOM, TOP, read_outcomes, without_folds
from experiments.claims import CLAIMS, LEVELS
from experiments.judging.verdict import FLOOR, Verdict, judge
from experiments.qrhead.evidence import growth_evidence, harm_evidence

FILINGS = 16


def items(correct):
    return [
        {"filing": f"f{n}", "company": f"c{n // 2 if n < 4 else n}", "correct": n < correct}
        for n in range(FILINGS)
    ]


def rows(counts):
    return [
        {"num_heads": level, "items": items(count)}
        for level, count in zip(LEVELS, counts, strict=True)
    ]


def cell(unablated=16, top=(12, 10, 8, 6, 4, 2), random=(15,) * 6, matched=((14,) * 6,)):
    document = {
        "question": "inc_state",
        "total_tokens": 512,
        "baseline": {"items": items(unablated)},
        TOP: rows(top),
        RANDOM: rows(random),
    }
    controls = [
        {"control": {"kind": LAYER_MATCHED, "seed": 42 + n}, "ablations": rows(counts)}
        for n, counts in enumerate(matched)
    ]
    return read_outcomes(document, controls)


def test_the_gap_is_between_top_and_control_over_cells_alike():
    found = gap_evidence([cell(), cell(top=(16,) * 6)], 5)
    assert found.estimate == pytest.approx(((14 - 12) + (14 - 16)) / 32)
    assert (found.n, found.units) == (14, "companies, 1 draw")
    assert found.unablated == 1.0
    assert "layer-matched control" in found.note
    assert gap_evidence([cell()], 5, UNIFORM).estimate == pytest.approx((15 - 12) / 16)


def test_several_draws_are_averaged_and_enough_of_them_have_a_p_of_their_own():
    few = gap_evidence([cell(matched=((14,) * 6, (12,) * 6))], 50)
    assert few.estimate == pytest.approx((13 - 2) / 16)
    counts = [(14 + n % 2,) * 6 for n in range(ENOUGH_DRAWS)]
    many = gap_evidence([cell(matched=counts)], 50)
    assert many.p == pytest.approx(1 / (ENOUGH_DRAWS + 1))
    # One draw that leaves no more than the top heads do, and it is 2 of 20.
    worse = gap_evidence([cell(matched=[*counts[1:], (2,) * 6])], 50)
    assert worse.p == pytest.approx(2 / (ENOUGH_DRAWS + 1))


def test_a_draw_counts_at_the_levels_that_it_has():
    further = {"kind": UNIFORM, "seed": 43}
    rows_at_two = [row for row in rows((11,) * 6) if row["num_heads"] in (10, 50)]
    document = {
        "question": "inc_state",
        "total_tokens": 512,
        "baseline": {"items": items(16)},
        TOP: rows((2,) * 6),
        RANDOM: rows((15,) * 6),
    }
    found = [read_outcomes(document, [{"control": further, "ablations": rows_at_two}])]
    five, ten = (gap_evidence(found, level, UNIFORM) for level in (5, 10))
    assert five.estimate == pytest.approx((15 - 2) / 16)
    assert ten.estimate == pytest.approx((13 - 2) / 16)
    assert (five.units, ten.units) == ("companies, 1 draw", "companies, 2 draws")
    assert harm_evidence(found, UNIFORM).units == "companies, 2 draws"


def test_a_cell_tells_what_the_top_heads_do_alone():
    found = cell_gap_evidence(cell(unablated=15), 20, noise=0.01)
    assert f"7 lost, 0 won, p = {mcnemar(7, 0):.2g} (McNemar)" in found.note
    assert found.noise == 0.01


def test_the_drop_grows_by_what_is_lost_beyond_the_lowest_level():
    found = growth_evidence([cell()])
    assert found.estimate == pytest.approx((12 - 2) / 16)
    assert judge(CLAIMS["A2"].criterion(), found) is Verdict.REPRODUCED
    assert "25.0 at 5" in found.note
    assert "87.5 at 50" in found.note


@pytest.mark.parametrize(
    ("matched", "verdict"),
    [
        (16, Verdict.REPRODUCED),
        (15, Verdict.INCONCLUSIVE),
        (4, Verdict.NOT_REPRODUCED),
    ],
)
def test_random_heads_do_no_harm_where_all_of_the_interval_says_so(matched, verdict):
    # Of one cell it could not be said: an answer of its 16 is 6 points.
    found = harm_evidence([cell(matched=((matched,) * 6,))] * 4)
    assert found.estimate == pytest.approx((16 - matched) / 16)
    assert found.interval is not None
    assert found.interval.low <= found.estimate <= found.interval.high
    assert judge(CLAIMS["A3"].criterion(), found) is verdict


def test_cells_with_nothing_to_lose_are_left_out_unless_all_are_such():
    poor, good = cell(unablated=int(FLOOR * FILINGS)), cell()
    assert above_floor([poor, good]) == [good]
    assert above_floor([poor]) == [poor]
    assert judge(CLAIMS["A1"].criterion("5"), gap_evidence([poor], 5)) is Verdict.INCONCLUSIVE


def test_few_companies_give_no_interval_and_no_verdict():
    small = read_outcomes(
        {
            "question": "q",
            "total_tokens": 1,
            "baseline": {"items": items(2)[:1]},
            TOP: [{**row, "items": row["items"][:1]} for row in rows((0,) * 6)],
            RANDOM: [{**row, "items": row["items"][:1]} for row in rows((2,) * 6)],
        }
    )
    found = harm_evidence([small], UNIFORM)
    assert (found.n, found.interval, found.p) == (1, None, None)


def test_folds_of_a_question_are_one_cell():
    whole = cell()

    def fold(number):
        tested = [f"f{n}" for n in range(FILINGS) if n % 2 == number]

        def part(answers):
            return {filing: answers[filing] for filing in tested}

        return replace(
            whole,
            companies=part(whole.companies),
            unablated=part(whole.unablated),
            top={level: part(answers) for level, answers in whole.top.items()},
            controls={
                kind: [{level: part(of) for level, of in draw.items()} for draw in draws]
                for kind, draws in whole.controls.items()
            },
        )

    parts = [fold(0), fold(1)]
    assert without_folds(parts) == [whole]
    assert gap_evidence(parts, 20).estimate == gap_evidence([whole], 20).estimate
    other = replace(whole, question="hq_state")
    assert without_folds([whole, other]) == [whole, other]
