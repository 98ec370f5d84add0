"""Whether a study of the planned size succeeds as often as planned, on simulated units."""

import numpy as np
import pytest

from ablation.errors import InvalidInput
from ablation.stats.interval import Interval
from ablation.stats.mean import student_interval
from experiments.claims import CLAIMS
from experiments.judging.claim import Bound, Criterion, Scale
from experiments.judging.planning import needed, spread_of
from experiments.judging.verdict import Evidence, Verdict, judge

GAP = Criterion("gap", Bound.AT_LEAST, 0.2, "20", Scale.POINTS, null=0.0, counts_from=0.1)
LESS = Criterion("drop", Bound.AT_MOST, -0.2, "-20", Scale.POINTS, null=0.0, counts_from=-0.1)
SPREAD = 0.3
STUDIES = 2000


def verdicts(n, seed):
    """Of studies of n units whose true effect is the published one."""
    generator = np.random.default_rng(seed)
    found = []
    for values in GAP.threshold + SPREAD * generator.standard_normal((STUDIES, n)):
        interval = student_interval(values)
        found.append(judge(GAP, Evidence(float(values.mean()), interval, n, "companies")))
    return found


@pytest.mark.parametrize("power", [0.5, 0.9])
def test_a_study_of_the_planned_size_tells_it_as_often_as_planned(power):
    n = needed(GAP, SPREAD, power).to_tell
    share = verdicts(n, 1).count(Verdict.REPRODUCED) / STUDIES
    # The least n that is enough: a little more than asked for, three standard errors either way.
    error = 3 * (power * (1 - power) / STUDIES) ** 0.5
    assert power - error < share < power + error + 0.04


def test_a_study_of_the_planned_size_shows_the_effect_as_often_as_planned():
    n = needed(GAP, SPREAD, 0.9).to_show
    shown = [verdict for verdict in verdicts(n, 2) if verdict is not Verdict.INCONCLUSIVE]
    assert 0.88 < len(shown) / STUDIES < 0.94


def test_more_power_and_a_narrower_margin_take_more_units():
    assert needed(GAP, SPREAD, 0.9).to_show < needed(GAP, SPREAD, 0.9).to_tell
    assert needed(GAP, SPREAD, 0.8).to_tell < needed(GAP, SPREAD, 0.9).to_tell
    assert needed(GAP, SPREAD, 0.9) == needed(LESS, SPREAD, 0.9)


def test_the_spread_of_an_interval_is_that_of_its_units():
    values = np.random.default_rng(3).normal(size=20)
    assert spread_of(student_interval(values), 20) == pytest.approx(values.std(ddof=1))


@pytest.mark.parametrize(
    ("criterion", "spread", "power", "message"),
    [
        (CLAIMS["A3"].criterion(), 0.3, 0.9, "needs a claim of size, and"),
        (GAP, 0.3, 0.99, "a power above 0 and up to 0.97 is required, got 0.99"),
        (GAP, 0.3, 0.0, "a power above 0"),
        (GAP, 0.0, 0.9, "needs units that differ"),
        (GAP, 1e4, 0.9, "more than 1000000 units would be required"),
    ],
)
def test_what_cannot_be_planned_is_refused(criterion, spread, power, message):
    with pytest.raises(InvalidInput, match=message):
        needed(criterion, spread, power)


def test_a_single_unit_has_no_spread():
    with pytest.raises(InvalidInput, match="at least 2 units, got 1"):
        spread_of(Interval(0.1, 0.2), 1)
