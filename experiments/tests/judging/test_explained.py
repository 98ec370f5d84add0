"""Verdicts in words say the rule that gave them, and how far the evidence is from another."""

import pytest

from ablation.stats.interval import Interval
from experiments.judging.claim import Bound, Criterion, Scale
from experiments.judging.explained import rule, what_would_change_it
from experiments.judging.verdict import Blocked, Evidence, Verdict, judge

SIZE = Criterion("lost", Bound.AT_LEAST, 0.2, "20", Scale.POINTS, null=0.0, counts_from=0.1)
LEAST = Criterion("share", Bound.AT_LEAST, 0.3, "94%", Scale.PERCENT)
MOST = Criterion("lost", Bound.AT_MOST, 0.07, "7.2", Scale.POINTS)


def evidence(low, high, **more):
    interval = None if low is None else Interval(low, high)
    estimate = 0.15 if low is None else (low + high) / 2
    return Evidence(estimate, interval, 16, "companies", **more)


@pytest.mark.parametrize(
    ("criterion", "found", "verdict", "why", "change"),
    [
        (SIZE, evidence(0.12, 0.3, p=0.01), "REPRODUCED", "begins at 10.0 points",
         "lower end of the interval, 12.0 points, were below 10.0 points"),
        (SIZE, evidence(0.05, 0.3, p=0.01), "SIZE_OPEN", "leaves open",
         "companies would tell"),
        (SIZE, evidence(0.05, 0.15, p=0.01), "DIRECTION_ONLY", "falls short",
         "upper end of the interval, 15.0 points, reached 20.0 points"),
        (SIZE, evidence(-0.1, 0.05, p=0.4), "NOT_REPRODUCED", "nothing in the interval",
         "upper end of the interval, 5.0 points, reached 10.0 points"),
        (SIZE, evidence(-0.1, 0.3, p=0.4), "INCONCLUSIVE", "is not excluded", "would tell"),
        (SIZE, evidence(0.12, 0.3, p=0.01, unablated=0.2), "INCONCLUSIVE", "20.0%, below 30%",
         "at least 30%"),
        (SIZE, evidence(None, None), "INCONCLUSIVE", "too few", "More units"),
        (SIZE, evidence(-0.1, 0.12, noise=0.05), "INCONCLUSIVE", "two runs of the same",
         "less noise would tell"),
        (LEAST, evidence(0.4, 0.5), "REPRODUCED", "All of the interval meets ≥ 30 %",
         "lower end of the interval, 40.0 %, were below 30.0 %"),
        (LEAST, evidence(0.2, 0.4), "INCONCLUSIVE", "and some does not", "would tell"),
        (LEAST, evidence(0.4, 0.5, p=0.3), "INCONCLUSIVE", "p is above", "would tell"),
        (MOST, evidence(0.1, 0.2), "NOT_REPRODUCED", "None of the interval meets ≤ 7 points",
         "lower end of the interval, 10.0 points, reached 7.0 points"),
        (MOST, evidence(0.0, 0.05), "REPRODUCED", "All of the interval",
         "upper end of the interval, 5.0 points, were above 7.0 points"),
    ],
)  # fmt: skip
def test_each_rule_in_words(criterion, found, verdict, why, change):
    assert judge(criterion, found) == verdict
    assert why in rule(criterion, found, Verdict(verdict))
    assert change in what_would_change_it(criterion, found, Verdict(verdict))


def test_an_estimate_on_the_border_is_told_by_no_number_of_units():
    found = Evidence(0.1, Interval(0.05, 0.3), 16, "companies", p=0.01)
    assert judge(SIZE, found) == "SIZE_OPEN"
    assert "no number of units" in what_would_change_it(SIZE, found, Verdict.SIZE_OPEN)


def test_figures_that_look_alike_are_told_apart():
    found = evidence(0.0, 0.06999)
    assert "upper end of the interval, 6.999 points, were above 7 points" in what_would_change_it(
        MOST, found, Verdict.REPRODUCED
    )


def test_a_bound_that_must_be_passed_is_not_said_to_be_reached():
    above = Criterion("ratio", Bound.ABOVE, 10.0, "30", Scale.TIMES)
    assert "9 ×, passed 10 ×" in what_would_change_it(
        above, evidence(2.0, 9.0), Verdict.NOT_REPRODUCED
    )


def test_what_was_not_measured_says_why_and_nothing_of_change():
    blocked = Blocked("the weights are not to be had")
    assert rule(SIZE, blocked, Verdict.BLOCKED) == (
        "Nothing was measured: the weights are not to be had."
    )
    assert what_would_change_it(SIZE, blocked, Verdict.BLOCKED) == ""


def test_figures_of_the_source_agree_or_do_not():
    source = Criterion("drop", Bound.AT_MOST, 0.01, "0", Scale.POINTS, of_the_source=True)
    agree = Evidence.exact(0.0, 32, "files")
    differ = Evidence.exact(0.5, 32, "files")
    assert "agree with" in rule(source, agree, judge(source, agree))
    assert "do not agree" in rule(source, differ, judge(source, differ))
    assert what_would_change_it(source, differ, Verdict.INCONSISTENT) == ""
