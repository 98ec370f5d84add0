"""The registry of claims: what each says, where it is published, what it must measure.

Thresholds are the published figures where the claim is of a size, and the study's own bounds
elsewhere; those that are ours say so. They were set before they were measured on any other model.
"""

from collections.abc import Mapping

from experiments.claims.exp10_study import EXP10_CLAIMS, EXP10_MODELS
from experiments.claims.qrhead_study import LEVELS, QRHEAD_CLAIMS, QRHEAD_MODELS
from experiments.judging.claim import Claim, registry

__all__ = ["CLAIMS", "LEVELS", "PAPER_MODELS"]

CLAIMS: Mapping[str, Claim] = registry(*QRHEAD_CLAIMS, *EXP10_CLAIMS)
"""Id -> claim."""

PAPER_MODELS: Mapping[str, tuple[str, ...]] = {"qrhead": QRHEAD_MODELS, "exp10": EXP10_MODELS}
"""Study -> the registered models that are its own; any other is no model of the study."""
