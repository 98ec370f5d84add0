"""Claims known not to hold: strict xfails that carry the finding.

A test module says so in ``KNOWN_NOT_TO_HOLD``. Its keys are those of ``Place``: model, claim, and
the part and subset that the marker names, with spaces between; its values the findings with their
figures. An assertion that fails for another reason than what ``judged`` was given is none. On a
model they count only where baselines do: in runs without options that change what
any study computes.
"""

import pytest

from experiments.judging.claim import Tier
from experiments.plugin.claim_markers import CLAIM_MARKER, place_of
from experiments.plugin.judged import NotMet
from experiments.plugin.options import is_default


@pytest.fixture(autouse=True)
def known_finding(request: pytest.FixtureRequest, pytestconfig: pytest.Config) -> None:
    """Marks the case as a strict xfail where its claim is known not to hold."""
    findings = getattr(request.module, "KNOWN_NOT_TO_HOLD", {})
    if not findings or request.node.get_closest_marker(CLAIM_MARKER) is None:
        return
    place = place_of(request.node)
    reason = findings.get(str(place))
    if reason is not None and (place.tier is Tier.PUBLISHED or is_default(pytestconfig)):
        request.applymarker(pytest.mark.xfail(reason=reason, raises=NotMet, strict=True))
