"""Claim A1 in one cell under every ablation mode and scope: does it survive the mode?

The study zeroes z at all positions. A finding about the heads should not depend on what takes the
place of z; what follows from the mode alone is a finding about the mode.
"""

from dataclasses import replace

import pytest

from experiments.cells.choices import MODES, SCOPES
from experiments.cells.gap import cell_gap_evidence
from experiments.claims import LEVELS
from experiments.plugin.baseline_files.json_comparison import Tolerance
from experiments.plugin.options import is_default

LEVEL = LEVELS[-1]
DECODE = "decode"

FIRST_TOKEN = "the first token of the answer is still the unablated model's"


@pytest.mark.claim("A1", str(LEVEL), of="mode {mode}, scope {scope}")
@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("mode", MODES)
def test_top_heads_hurt_more_in_the_mode(mode, scope, modes_compared, noise, judged):
    outcomes = modes_compared.outcomes[mode, scope]
    evidence = cell_gap_evidence(outcomes, LEVEL, noise)
    if scope == DECODE:
        evidence = replace(evidence, note=f"{evidence.note}; {FIRST_TOKEN}")
    assert judged(evidence).holds


TOLERANCES = {
    "modes.*.*": Tolerance(1, 0, "one answer may tip where fp32 sums run in another order"),
}


@pytest.mark.baseline("methods", "{model}/modes")
def test_what_is_left_in_every_mode_is_that_of_the_baseline(
    model, modes_compared, json_baseline, pytestconfig
):
    if not is_default(pytestconfig):
        pytest.skip("baselines are kept for registered models, synthetic filings, fp32, CPU")
    cell = next(iter(modes_compared.outcomes.values()))
    figures = {
        f"{mode} {scope}": {
            "top": sum(found.top[LEVEL].values()),
            **{kind: sum(draws[0][LEVEL].values()) for kind, draws in found.controls.items()},
        }
        for (mode, scope), found in modes_compared.outcomes.items()
    }
    json_baseline.check(
        {
            "question": cell.question,
            "tokens": cell.tokens,
            "level": LEVEL,
            "unablated": sum(cell.unablated.values()),
            "modes": figures,
        },
        provenance=modes_compared.provenance,
        tolerances=TOLERANCES,
    )
