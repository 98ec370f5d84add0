"""Verdicts: what the evidence says of a criterion, by rules that look at nothing else.

The rules in their order; the first that fits decides:

1. no evidence: BLOCKED if weights, a device or data are missing, or the model has too few heads,
   INCONCLUSIVE if what is measured is not defined here, such as how layers differ where one is all;
2. the criterion compares figures of the source with each other: REPRODUCED if they agree,
   INCONSISTENT if they do not. Figures of the source that are known not to be of what it claims:
   INCONSISTENT, whatever they are;
3. there is no interval (too few units), the unablated model is below the declared floor, or the
   effect is within the run-to-run noise: INCONCLUSIVE;
4. a claim of size (the criterion has a null). The effect is shown where the interval lies beyond
   the null on the claimed side and p is at most ``ALPHA`` where there is one. Shown:
   DIRECTION_ONLY if it is significantly smaller than published (the interval excludes the published
   size), REPRODUCED if all of the interval counts as the published size, else SIZE_OPEN. Not shown:
   NOT_REPRODUCED if nothing in the interval counts as the published size, else INCONCLUSIVE;
5. a bound: REPRODUCED if the whole interval meets the threshold (and p is at most ``ALPHA``),
   NOT_REPRODUCED if none of it does, else INCONCLUSIVE.

How often they are wrong is simulated: ``experiments/judging/README.md``.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from ablation.errors import InvalidInput
from ablation.stats.interval import Interval
from experiments.judging.claim import Bound, Criterion

FLOOR = 0.3
"""Unablated accuracy below which a cell is no evidence: there is too little left to lose."""

ALPHA = 0.05


class Verdict(StrEnum):
    """What became of a claim; the later in this order decides a claim of several parts."""

    REPRODUCED = "REPRODUCED"
    SIZE_OPEN = "SIZE_OPEN"
    DIRECTION_ONLY = "DIRECTION_ONLY"
    BLOCKED = "BLOCKED"
    INCONCLUSIVE = "INCONCLUSIVE"
    NOT_REPRODUCED = "NOT_REPRODUCED"
    INCONSISTENT = "INCONSISTENT"


@dataclass(frozen=True)
class Evidence:
    """What was measured of a criterion.

    Attributes:
        estimate: the figure, in the criterion's plain unit (accuracies and shares as fractions).
        interval: its 95% interval; None where the units are too few for one.
        n: how many independent units it rests on.
        units: what they are, plural: "filings", "blocks of text".
        p: of no effect, where there is a test; it speaks for the claim where the estimate is on
            the claimed side.
        unablated: accuracy of the unablated model, in claims about accuracy.
        noise: how far two runs of the same computation lie apart, in the estimate's unit.
        note: what else a reader should see, one phrase.
        invalid: why the source's figures are not of what it claims, if they are not.

    Raises:
        InvalidInput: no unit, a figure that is not a number, or an interval upside down.
    """

    estimate: float
    interval: Interval | None
    n: int
    units: str
    p: float | None = None
    unablated: float | None = None
    noise: float = 0.0
    note: str = ""
    invalid: str = ""

    def __post_init__(self) -> None:
        if self.n < 1:
            raise InvalidInput(f"evidence rests on at least one unit, got {self.n} {self.units}")
        if math.isnan(self.estimate):
            raise InvalidInput(f"an estimate must be a number, got {self.estimate}")
        for name in ("p", "unablated", "noise"):
            figure = getattr(self, name)
            if figure is not None and math.isnan(figure):
                raise InvalidInput(f"{name} must be a number, got {figure}")
        if self.interval is not None and not self.interval.low <= self.interval.high:
            raise InvalidInput(f"an interval ascends, got {tuple(self.interval)}")

    @classmethod
    def exact(cls, estimate: float, n: int, units: str, note: str = "") -> "Evidence":
        """A figure without sampling error, as of arithmetic: its interval is the point."""
        return cls(estimate, Interval(estimate, estimate), n, units, note=note)


@dataclass(frozen=True)
class Blocked:
    """Why there is no evidence.

    Attributes:
        reason: one line.
        missing: whether weights, a device, data or heads are missing; otherwise what is measured is
            not defined here, or the case broke.
    """

    reason: str
    missing: bool = True


def judge(criterion: Criterion, evidence: Evidence | Blocked) -> Verdict:
    """The verdict on one criterion; the module says the rules."""
    if isinstance(evidence, Blocked):
        return Verdict.BLOCKED if evidence.missing else Verdict.INCONCLUSIVE
    if evidence.invalid:
        return Verdict.INCONSISTENT
    if criterion.of_the_source:
        agrees = criterion.met_by(evidence.estimate)
        return Verdict.REPRODUCED if agrees else Verdict.INCONSISTENT
    if _cannot_tell(criterion, evidence) or evidence.interval is None:
        return Verdict.INCONCLUSIVE
    significant = evidence.p is None or evidence.p <= ALPHA
    if criterion.null is not None:
        return _judge_size(criterion, evidence.interval, significant)
    meeting = [criterion.met_by(end) for end in evidence.interval]
    if all(meeting):
        return Verdict.REPRODUCED if significant else Verdict.INCONCLUSIVE
    return Verdict.INCONCLUSIVE if any(meeting) else Verdict.NOT_REPRODUCED


def _judge_size(criterion: Criterion, interval: Interval, significant: bool) -> Verdict:
    assert criterion.null is not None
    assert criterion.counts_from is not None
    bound = criterion.bound
    least, most = interval if bound.is_lower else reversed(interval)
    beyond_nothing = Bound.ABOVE if bound.is_lower else Bound.BELOW
    if not (significant and beyond_nothing.met_by(least, criterion.null)):
        counts = bound.met_by(most, criterion.counts_from)
        return Verdict.INCONCLUSIVE if counts else Verdict.NOT_REPRODUCED
    if not bound.met_by(most, criterion.threshold):
        return Verdict.DIRECTION_ONLY
    counts = bound.met_by(least, criterion.counts_from)
    return Verdict.REPRODUCED if counts else Verdict.SIZE_OPEN


def units_to_tell(criterion: Criterion, evidence: Evidence) -> int | None:
    """About how many units it would take to tell whether a shown effect has the published size.

    If the estimate stays and the interval narrows with the root of n: until all of it counts as the
    published size, or excludes it. None where the estimate lies on that border.
    """
    if evidence.interval is None or criterion.null is None or criterion.counts_from is None:
        return None
    bound, estimate = criterion.bound, evidence.estimate
    least, most = evidence.interval if bound.is_lower else reversed(evidence.interval)
    if bound.met_by(estimate, criterion.counts_from):
        reach, border = estimate - least, estimate - criterion.counts_from
    else:
        reach, border = most - estimate, criterion.threshold - estimate
    return math.ceil(evidence.n * (reach / border) ** 2) if border else None


def combine(verdicts: Iterable[Verdict]) -> Verdict:
    """The verdict on a claim whose parts must all hold: that of its weakest part."""
    order = list(Verdict)
    return max(verdicts, key=order.index)


def _cannot_tell(criterion: Criterion, evidence: Evidence) -> bool:
    if evidence.unablated is not None and evidence.unablated < FLOOR:
        return True
    return within_noise(criterion, evidence)


def within_noise(criterion: Criterion, evidence: Evidence) -> bool:
    """Whether two runs of the same computation may lie as far apart as estimate and no effect."""
    reference = criterion.threshold if criterion.null is None else criterion.null
    return evidence.noise > 0 and abs(evidence.estimate - reference) <= evidence.noise
