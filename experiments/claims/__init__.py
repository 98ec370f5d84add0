"""The registry of claims: what each says, where it is published, what it must measure.

Thresholds are the published figures where the claim is of a size, and the study's own bounds
elsewhere; those that are ours say so. They were set before they were measured on any other model.
The control that A1 and A3 are judged by was not: it was changed after the result against the
study's own control had been seen (``experiments/qrhead/README.md``).

A study of your own registers itself in a ``conftest.py`` at the top of its tests, or in a plugin::

    from experiments.claims import register
    register(Study("random_heads", (Claim("C1", ...),)))
"""

from experiments.claims.exp10_study import EXP10
from experiments.claims.qrhead_study import LEVELS, QRHEAD
from experiments.judging.study import Registry

__all__ = ["CLAIMS", "LEVELS", "STUDIES", "register"]

_REGISTRY = Registry()

register = _REGISTRY.register

CLAIMS = _REGISTRY.claims
"""Id -> claim."""

STUDIES = _REGISTRY.studies
"""Name -> study."""

for _study in (QRHEAD, EXP10):
    register(_study)
