"""The rules of the verdicts, one by one, and how parts and claims come together."""

import math

import pytest

from ablation.errors import InvalidInput
from ablation.stats.interval import Interval
from experiments.judging.claim import Bound, Criterion, Scale
from experiments.judging.verdict import (
    FLOOR,
    Blocked,
    Evidence,
    Verdict,
    combine,
    judge,
    units_to_tell,
)

SIZE = Criterion("gap", Bound.AT_LEAST, 0.2, "20", Scale.POINTS, null=0.0, counts_from=0.1)
LIMIT = Criterion("harm", Bound.AT_MOST, 0.1, "10", Scale.POINTS)
OWN_TABLE = Criterion("difference", Bound.AT_MOST, 0.0005, "0", of_the_source=True)


def evidence(estimate, low, high, **others):
    return Evidence(estimate, Interval(low, high), 16, "companies", **others)


@pytest.mark.parametrize(
    ("criterion", "found", "verdict"),
    [
        # A claim of size. Shown, and all of the interval counts as the published size.
        (SIZE, evidence(0.25, 0.1, 0.4), Verdict.REPRODUCED),
        (SIZE, evidence(0.15, 0.1, 0.2), Verdict.REPRODUCED),
        (SIZE, evidence(0.50, 0.4, 0.6), Verdict.REPRODUCED),
        # Shown, and significantly smaller than published, whether it would count or not.
        (SIZE, evidence(0.15, 0.11, 0.19), Verdict.DIRECTION_ONLY),
        (SIZE, evidence(0.10, 0.05, 0.15), Verdict.DIRECTION_ONLY),
        # Shown, and too wide to tell.
        (SIZE, evidence(0.25, 0.09, 0.4), Verdict.SIZE_OPEN),
        (SIZE, evidence(0.15, 0.01, 0.3), Verdict.SIZE_OPEN),
        # Not shown: something in the interval counts, or nothing.
        (SIZE, evidence(0.25, -0.1, 0.6), Verdict.INCONCLUSIVE),
        (SIZE, evidence(0.10, 0.0, 0.3), Verdict.INCONCLUSIVE),
        (SIZE, evidence(0.05, -0.1, 0.15), Verdict.INCONCLUSIVE),
        (SIZE, evidence(0.02, -0.05, 0.09), Verdict.NOT_REPRODUCED),
        (SIZE, evidence(-0.20, -0.3, -0.1), Verdict.NOT_REPRODUCED),
        (SIZE, evidence(0.25, 0.1, 0.4, p=0.05), Verdict.REPRODUCED),
        (SIZE, evidence(0.25, 0.1, 0.4, p=0.051), Verdict.INCONCLUSIVE),
        (SIZE, evidence(0.15, 0.1, 0.19, p=0.06), Verdict.INCONCLUSIVE),
        (SIZE, evidence(0.05, 0.01, 0.09, p=0.06), Verdict.NOT_REPRODUCED),
        # A bound: the whole interval on one side of it, or both sides.
        (LIMIT, evidence(0.05, 0.0, 0.1), Verdict.REPRODUCED),
        (LIMIT, evidence(0.05, 0.0, 0.11), Verdict.INCONCLUSIVE),
        (LIMIT, evidence(0.15, 0.09, 0.2), Verdict.INCONCLUSIVE),
        (LIMIT, evidence(0.20, 0.11, 0.3), Verdict.NOT_REPRODUCED),
        (LIMIT, evidence(0.05, 0.0, 0.1, p=0.2), Verdict.INCONCLUSIVE),
        # What is no evidence, whatever the figures.
        (SIZE, Evidence(0.25, None, 2, "windows"), Verdict.INCONCLUSIVE),
        (SIZE, evidence(0.25, 0.1, 0.4, unablated=FLOOR - 0.01), Verdict.INCONCLUSIVE),
        (SIZE, evidence(0.25, 0.1, 0.4, unablated=FLOOR), Verdict.REPRODUCED),
        (SIZE, evidence(0.25, 0.1, 0.4, noise=0.25), Verdict.INCONCLUSIVE),
        (SIZE, evidence(0.25, 0.1, 0.4, noise=0.24), Verdict.REPRODUCED),
        (LIMIT, evidence(0.05, 0.0, 0.1, noise=0.06), Verdict.INCONCLUSIVE),
        (SIZE, Blocked("no weights"), Verdict.BLOCKED),
        (SIZE, Blocked("one layer", missing=False), Verdict.INCONCLUSIVE),
        (SIZE, evidence(math.inf, 0.1, math.inf), Verdict.REPRODUCED),
        # The source against itself.
        (OWN_TABLE, Evidence.exact(0.0004, 32, "cells"), Verdict.REPRODUCED),
        (OWN_TABLE, Evidence.exact(0.06, 32, "cells"), Verdict.INCONSISTENT),
    ],
)
def test_each_rule_gives_its_verdict(criterion, found, verdict):
    assert judge(criterion, found) is verdict


@pytest.mark.parametrize("sign", [1, -1])
def test_claims_of_more_and_of_less_are_judged_alike(sign):
    bound = Bound.AT_LEAST if sign == 1 else Bound.AT_MOST
    criterion = Criterion("change", bound, 0.2 * sign, "", null=0.0, counts_from=0.1 * sign)

    def verdict(estimate, *ends):
        low, high = sorted(sign * end for end in ends)
        return judge(criterion, evidence(sign * estimate, low, high))

    assert verdict(0.3, 0.1, 0.5) is Verdict.REPRODUCED
    assert verdict(0.1, 0.05, 0.5) is Verdict.SIZE_OPEN
    assert verdict(0.1, 0.05, 0.15) is Verdict.DIRECTION_ONLY
    assert verdict(0.1, -0.05, 0.5) is Verdict.INCONCLUSIVE
    assert verdict(-0.1, -0.2, 0.05) is Verdict.NOT_REPRODUCED


@pytest.mark.parametrize(
    ("found", "needed"),
    [
        # The lower end has to come from 0.05 to 0.1: from 0.25 a quarter less far.
        (evidence(0.25, 0.05, 0.45), 29),
        # Nearer to none than to the published size: the upper end has to come below 0.2.
        (evidence(0.08, 0.0, 0.32), 64),
        (evidence(0.1, 0.0, 0.3), None),
        (Evidence(0.25, None, 2, "windows"), None),
    ],
)
def test_it_is_said_how_many_units_would_tell_the_size(found, needed):
    assert units_to_tell(SIZE, found) == needed
    assert units_to_tell(LIMIT, found) is None


def test_a_claim_of_size_needs_the_smallest_that_counts():
    with pytest.raises(InvalidInput, match="'gap': a claim of size needs both the value without"):
        Criterion("gap", Bound.AT_LEAST, 0.2, "20", null=0.0)


@pytest.mark.parametrize(
    ("bound", "below", "at", "above"),
    [
        (Bound.ABOVE, False, False, True),
        (Bound.AT_LEAST, False, True, True),
        (Bound.BELOW, True, False, False),
        (Bound.AT_MOST, True, True, False),
    ],
)
def test_bounds_are_strict_or_not(bound, below, at, above):
    assert [bound.met_by(figure, 2.0) for figure in (1.9, 2.0, 2.1)] == [below, at, above]


def test_a_claim_is_as_good_as_its_weakest_part():
    assert combine([Verdict.REPRODUCED, Verdict.REPRODUCED]) is Verdict.REPRODUCED
    assert combine([Verdict.REPRODUCED, Verdict.DIRECTION_ONLY]) is Verdict.DIRECTION_ONLY
    assert combine([Verdict.INCONCLUSIVE, Verdict.NOT_REPRODUCED]) is Verdict.NOT_REPRODUCED


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ((math.nan, None, 3, "cells"), "an estimate must be a number"),
        ((0.1, None, 0, "cells"), "at least one unit, got 0 cells"),
        ((0.1, Interval(0.2, 0.1), 3, "cells"), r"an interval ascends, got \(0.2, 0.1\)"),
    ],
)
def test_evidence_that_makes_no_sense_is_refused(values, message):
    with pytest.raises(InvalidInput, match=message):
        Evidence(*values)
