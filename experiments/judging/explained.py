"""A verdict in words: the rule that gave it, and what would change it."""

from experiments.judging.claim import Bound, Criterion, Scale
from experiments.judging.verdict import (
    ALPHA,
    FLOOR,
    Blocked,
    Evidence,
    Verdict,
    units_to_tell,
    within_noise,
)

CORRECTED = (
    "Its parts show it, but not beside the other claims of the study: p after the correction is "
    f"above {ALPHA}."
)
"""Of a claim whose verdict is weaker than that of its parts."""


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
    """How far the evidence is from another verdict, one sentence; "" where nothing can."""
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
        end, limit = _apart(criterion, least, border)
        past = _past(criterion)
        return f"It would change if the {near} end of the interval, {end}, were {past} {limit}."
    if verdict in (Verdict.NOT_REPRODUCED, Verdict.DIRECTION_ONLY):
        reach = criterion.threshold if verdict is Verdict.DIRECTION_ONLY else border
        end, limit = _apart(criterion, most, reach)
        met = "passed" if criterion.bound in (Bound.ABOVE, Bound.BELOW) else "reached"
        return f"It would change if the {far} end of the interval, {end}, {met} {limit}."
    if within_noise(criterion, evidence):
        return "A larger effect or less noise would tell; more units would not."
    units = evidence.units.partition(",")[0]
    if verdict is not Verdict.SIZE_OPEN:
        return f"More {units} would tell, if the estimate stays where it is."
    needed = units_to_tell(criterion, evidence)
    if needed is None:
        return "The estimate lies just where the published size begins: no number of units tells."
    return f"About {needed:,} {units} would tell, if the estimate stays where it is."


def _why_open(criterion: Criterion, evidence: Evidence) -> str:
    if evidence.interval is None:
        return f"There is no interval: {evidence.n} {evidence.units} are too few for one."
    if evidence.unablated is not None and evidence.unablated < FLOOR:
        return (
            f"The unablated model is right in {evidence.unablated:.1%}, below {FLOOR:.0%}: there "
            "is too little left to lose."
        )
    if within_noise(criterion, evidence):
        return "The effect is no larger than what two runs of the same computation differ by."
    if criterion.null is None:
        if all(criterion.met_by(end) for end in evidence.interval):
            return f"All of the interval meets {criterion.requirement}, but p is above {ALPHA}."
        return f"Some of the interval meets {criterion.requirement}, and some does not."
    return "No effect is shown, and one of the published size is not excluded."


def _past(criterion: Criterion) -> str:
    return {
        Bound.ABOVE: "not above", Bound.AT_LEAST: "below",
        Bound.BELOW: "not below", Bound.AT_MOST: "above",
    }[criterion.bound]  # fmt: skip


def _written(criterion: Criterion, figure: float | None) -> str:
    if figure is None:
        return ""
    return f"{criterion.unit.show(figure)} {criterion.unit}".rstrip().replace("-", "−")


def _apart(criterion: Criterion, one: float, other: float) -> tuple[str, str]:
    """Two figures in words, with as many digits as tell them apart."""
    found = _written(criterion, one), _written(criterion, other)
    if found[0] != found[1] or one == other:
        return found
    scale = 100 if criterion.unit in (Scale.POINTS, Scale.PERCENT) else 1
    texts = (f"{scale * figure:.5g} {criterion.unit}".rstrip() for figure in (one, other))
    first, second = (text.replace("-", "−") for text in texts)
    return first, second
