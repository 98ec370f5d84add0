"""The registry of claims: what each says, where it is published, what it must measure.

Thresholds are the published figures where the claim is of a size, and the study's own bounds
elsewhere; those that are ours say so. They were set before they were measured on any other model.
The control that A1 and A3 are judged by was not: it was changed after the result against the
study's own control had been seen (``experiments/qrhead/README.md``).
"""

from collections.abc import Mapping

from experiments.claims.exp10_study import EXP10_CLAIMS
from experiments.claims.qrhead_study import LEVELS, QRHEAD_CLAIMS
from experiments.judging.claim import Claim, registry

__all__ = ["CLAIMS", "LEVELS"]

CLAIMS: Mapping[str, Claim] = registry(*QRHEAD_CLAIMS, *EXP10_CLAIMS)
"""Id -> claim."""
