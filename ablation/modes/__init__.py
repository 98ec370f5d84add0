"""The modes of ablation: what takes the place of z, each a frozen dataclass in a file of its own.

Nothing but z of the ablated heads is ever replaced. ``protocol`` says what an ablation is.
"""

from ablation.modes.mean import MeanAblation, mean_ablation, mean_ablation_of_prompts
from ablation.modes.redirected import (
    REDIRECTED,
    BosAblation,
    UniformAllAblation,
    UniformCausalAblation,
)
from ablation.modes.resample import ResampleAblation, resample_ablation
from ablation.modes.zero import ZeroAblation

__all__ = [
    "REDIRECTED",
    "BosAblation",
    "MeanAblation",
    "ResampleAblation",
    "UniformAllAblation",
    "UniformCausalAblation",
    "ZeroAblation",
    "mean_ablation",
    "mean_ablation_of_prompts",
    "resample_ablation",
]
