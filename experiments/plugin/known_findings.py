"""Claims known not to hold on a model: strict xfails that carry the finding.

A test module says so in ``KNOWN_NOT_TO_HOLD``. Its keys are model, claim, the part of it that the
marker names, and the case's parameters, with spaces between; its values the findings with their
figures. It counts only where baselines do: in runs without options that change what any study
computes.
"""

import pytest

from experiments.plugin.options import chosen_spec, is_default


@pytest.fixture(autouse=True)
def known_finding(request: pytest.FixtureRequest, pytestconfig: pytest.Config) -> None:
    """Marks the case as a strict xfail where its claim is known not to hold on the model."""
    marker = request.node.get_closest_marker("claim")
    findings = getattr(request.module, "KNOWN_NOT_TO_HOLD", {})
    if marker is None or not findings or not is_default(pytestconfig):
        return
    callspec = getattr(request.node, "callspec", None)
    parameters = callspec.params.values() if callspec else ()
    # The model may be a parameter, too; it is named once.
    words = dict.fromkeys(map(str, (chosen_spec(pytestconfig).key, *marker.args, *parameters)))
    reason = findings.get(" ".join(words))
    if reason is not None:
        request.applymarker(pytest.mark.xfail(reason=reason, raises=AssertionError, strict=True))
