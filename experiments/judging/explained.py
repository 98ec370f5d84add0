"""A verdict in words: the rule that gave it, and what would change it."""

from experiments.judging.claim import Bound, Criterion
from experiments.judging.verdict import (
    ALPHA,
    FLOOR,
    Blocked,
    Evidence,
    Verdict,
    units_to_tell,
)


def rule(criterion: Criterion, evidence: Evidence | Blocked, verdict: Verdict) -> str:
    """Which rule of ``experiments.judging.verdict`` decided, one sentence."""
    if isinstance(evidence, Blocked):
        return f"Nothing was measured: {evidence.reason}."
    if evidence.invalid:
        return f"The source's figures are not of what it claims: {evidence.invalid}."
    if criterion.of_the_source:
        found = "agree" if verdict is Verdict.REPRODUCED else "do not agree"
        return f"The source's figures {found} with each other."
    if verdict is Verdict.INCONCLUSIVE:
        return _why_open(criterion, evidence)
    if criterion.null is None:
        meets = "All" if verdict is Verdict.REPRODUCED else "None"
        return f"{meets} of the interval meets {criterion.requirement}."
    counts, published = _written(criterion, criterion.counts_from), criterion.requirement
    return {
        Verdict.REPRODUCED: f"There is an effect, and all of its interval counts as the published "
        f"size, which begins at {counts}.",
        Verdict.SIZE_OPEN: f"There is an effect; whether it has the published size, {published}, "
        "the interval leaves open.",
        Verdict.DIRECTION_ONLY: f"There is an effect, but all of its interval falls short of the "
        f"published size, {published}.",
        Verdict.NOT_REPRODUCED: f"No effect is shown, and nothing in the interval counts as the "
        f"published size, which begins at {counts}.",
    }.get(verdict, "")


def what_would_change_it(
    criterion: Criterion, evidence: Evidence | Blocked, verdict: Verdict
) -> str:
    """How far the evidence is from another verdict, one sentence; "" where nothing measured is."""
    if isinstance(evidence, Blocked) or evidence.invalid or criterion.of_the_source:
        return ""
    if evidence.interval is None:
        return "More units would give it an interval."
    if evidence.unablated is not None and evidence.unablated < FLOOR:
        return f"A model that answers at least {FLOOR:.0%} unablated would tell."
    lower = criterion.bound.is_lower
    least, most = evidence.interval if lower else reversed(evidence.interval)
    near, far = ("lower", "upper") if lower else ("upper", "lower")
    border = criterion.threshold if criterion.counts_from is None else criterion.counts_from
    if verdict is Verdict.REPRODUCED:
        return (
            f"It would change if the {near} end of the interval, {_written(criterion, least)}, "
            f"were {_past(criterion)} {_written(criterion, border)}."
        )
    if verdict in (Verdict.NOT_REPRODUCED, Verdict.DIRECTION_ONLY):
        reach = criterion.threshold if verdict is Verdict.DIRECTION_ONLY else border
        return (
            f"It would change if the {far} end of the interval, {_written(criterion, most)}, "
            f"reached {_written(criterion, reach)}."
        )
    needed = units_to_tell(criterion, evidence) if verdict is Verdict.SIZE_OPEN else None
    more = f"About {needed:,} {evidence.units} would tell" if needed else "More units would tell"
    return f"{more}, if the estimate stays where it is."


def _why_open(criterion: Criterion, evidence: Evidence) -> str:
    if evidence.interval is None:
        return f"There is no interval: {evidence.n} {evidence.units} are too few for one."
    if evidence.unablated is not None and evidence.unablated < FLOOR:
        return (
            f"The unablated model is right in {evidence.unablated:.1%}, below {FLOOR:.0%}: there "
            "is too little left to lose."
        )
    reference = criterion.threshold if criterion.null is None else criterion.null
    if evidence.noise > 0 and abs(evidence.estimate - reference) <= evidence.noise:
        return "The effect is no larger than what two runs of the same computation differ by."
    ends = [criterion.met_by(end) for end in evidence.interval]
    significant = evidence.p is None or evidence.p <= ALPHA
    if criterion.null is None and not all(ends):
        return f"Some of the interval meets {criterion.requirement}, and some does not."
    if criterion.null is None:
        return f"All of the interval meets {criterion.requirement}, but p is above {ALPHA}."
    if significant and _excludes(criterion, evidence, criterion.null):
        return "It does not survive the correction for the other claims of its study."
    return "No effect is shown, and one of the published size is not excluded."


def _excludes(criterion: Criterion, evidence: Evidence, null: float) -> bool:
    assert evidence.interval is not None
    least = evidence.interval.low if criterion.bound.is_lower else evidence.interval.high
    return (Bound.ABOVE if criterion.bound.is_lower else Bound.BELOW).met_by(least, null)


def _past(criterion: Criterion) -> str:
    return {
        Bound.ABOVE: "not above", Bound.AT_LEAST: "below",
        Bound.BELOW: "not below", Bound.AT_MOST: "above",
    }[criterion.bound]  # fmt: skip


def _written(criterion: Criterion, figure: float | None) -> str:
    return "" if figure is None else f"{criterion.unit.show(figure)} {criterion.unit}".rstrip()
