"""A model that is too small for a claim is nobody's mistake: its case is skipped, and blocked."""

import json

import pytest

from experiments.tests.plugin.claims_suite import write_suite

CASE = """
    import pytest
    from ablation.errors import {error}

    @pytest.fixture
    def found():
        {fixture}

    @pytest.mark.model
    @pytest.mark.claim("A8")
    def test_it(found, judged):
        {case}
"""
RAISED = "raise {}('its context holds 256 tokens')"


@pytest.mark.parametrize("error", ["TooFewHeads", "ContextTooShort"])
@pytest.mark.parametrize("where", ["fixture", "case"])
def test_its_case_is_skipped_and_the_claim_blocked(error, where, pytester):
    bodies = {"fixture": "pass", "case": "pass", where: RAISED.format(error)}
    suite = write_suite(pytester, CASE.format(error=error, **bodies), "model")
    result = suite.runpytest_inprocess("--claims-json", "claims.json", "-rs")
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["SKIPPED*its context holds 256 tokens"])
    document = json.loads((pytester.path / "claims.json").read_text(encoding="utf-8"))
    (claim,) = document["claims"]
    assert claim["parts"][0]["verdict"] == "BLOCKED"
    assert claim["parts"][0]["blocked"] == "its context holds 256 tokens"
