"""What the figures can bear: intervals, tests and descriptions of accuracies and perplexities.

Every function takes counts, sums or p-values that were measured before, and returns numbers. It
runs no model and reads no file, and needs numpy and scipy alone. Intervals and p-values state what
they resample and what they hold fixed; none of them turns one draw of random heads into "random
heads". Seeds are arguments, so the same figures give the same statistics.
"""

from ablation.stats.equivalence import Equivalence, tost
from ablation.stats.gap import (
    FEWEST_CLUSTERS,
    Survival,
    draws_p,
    gap_interval,
    gap_p,
)
from ablation.stats.interval import CONFIDENCE, Interval
from ablation.stats.mean import mean_interval, student_interval
from ablation.stats.monte_carlo import monte_carlo_p
from ablation.stats.multiplicity import benjamini_hochberg, holm
from ablation.stats.perplexity_ratio import FEWEST_UNITS, log_ratio_interval, ratio_interval
from ablation.stats.proportions import mcnemar, wilson_interval
from ablation.stats.rank_size import (
    RankSizeFit,
    TailFit,
    gini,
    leave_one_out,
    linear_fit,
    log_log_fit,
    tail_fit,
    top_share,
)

__all__ = [
    "CONFIDENCE",
    "FEWEST_CLUSTERS",
    "FEWEST_UNITS",
    "Equivalence",
    "Interval",
    "RankSizeFit",
    "Survival",
    "TailFit",
    "benjamini_hochberg",
    "draws_p",
    "gap_interval",
    "gap_p",
    "gini",
    "holm",
    "leave_one_out",
    "linear_fit",
    "log_log_fit",
    "log_ratio_interval",
    "mcnemar",
    "mean_interval",
    "monte_carlo_p",
    "ratio_interval",
    "student_interval",
    "tail_fit",
    "top_share",
    "tost",
    "wilson_interval",
]
