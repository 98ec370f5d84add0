"""Claim B2: the rank-size fit made again from what is printed, and what it depends on.

Of 144 |ΔPPL| the report prints the ten largest; of the rest, how many are below 1% and below 10%.
The study's fit, least squares in linear space, hangs on the largest few, so filling in the rest at
its least and at its most brackets what the fit to all heads can have been.
"""

from dataclasses import dataclass

from ablation.stats.interval import Interval
from ablation.stats.power_law import tail_fit
from ablation.stats.rank_size import leave_one_out, linear_fit, log_log_fit, top_share
from experiments.judging.verdict import Evidence
from experiments.published.sources.gpt2 import Experiment10
from experiments.published.sources.rounding import bounds

SMALL = 0.01
"""|ΔPPL| below which the report counts heads."""


@dataclass(frozen=True)
class Alphas:
    """The exponents of fits to the printed ten largest |ΔPPL|.

    Attributes:
        linear, log_log, maximum_likelihood: by method; the first is the report's.
        without: head left out -> linear α of the nine others.
        scale: of the linear fit.
        with_the_rest: linear α of all heads, those not printed at their most and at their least.
    """

    linear: float
    log_log: float
    maximum_likelihood: float
    without: dict[str, float]
    scale: float
    with_the_rest: Interval


def fits(figures: Experiment10) -> Alphas:
    """The fits to the ten largest, and the bracket of that to all."""
    sizes = list(figures.deltas)
    linear = linear_fit(sizes)
    bracket = [linear_fit([*sizes, *rest]).alpha for rest in unprinted(figures)]
    return Alphas(
        linear.alpha,
        log_log_fit(sizes).alpha,
        tail_fit(sizes).alpha,
        dict(zip(figures.largest, leave_one_out(sizes), strict=True)),
        linear.scale,
        Interval(min(bracket), max(bracket)),
    )


def unprinted(figures: Experiment10) -> tuple[list[float], list[float]]:
    """The |ΔPPL| that are not printed, at their least and at their most."""
    small = figures.counts.below_1_percent
    others = figures.counts.total - small - len(figures.deltas)
    most = bounds(figures.deltas[-1]).high
    return [SMALL] * others + [0.0] * small, [most] * others + [SMALL] * small


def share_of_printed_top(figures: Experiment10) -> Interval:
    """The share of the ten largest in the sum of all |ΔPPL|, from the least and most rest."""
    k = len(figures.deltas)
    shares = [top_share([*figures.deltas, *rest], k) for rest in unprinted(figures)]
    return Interval(min(shares), max(shares))


def alpha_evidence(figures: Experiment10) -> Evidence:
    """B2: the report's fit to the printed ten, its interval the bracket over all heads."""
    found = fits(figures)
    first, *_ = figures.largest
    return Evidence(
        found.linear,
        found.with_the_rest,
        len(figures.deltas),
        "printed heads",
        note=(
            f"α depends on the method: log-log {found.log_log:.2f}, maximum likelihood "
            f"{found.maximum_likelihood:.2f}; linear without {first} {found.without[first]:.2f}; "
            f"the interval is what the {figures.counts.total - len(figures.deltas)} heads that are "
            "not printed leave open"
        ),
    )
