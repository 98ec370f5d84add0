"""Claim A1 under every ablation mode and scope: does it survive the mode?

The study zeroes z at all positions. A finding about the heads should not depend on what takes the
place of z; what follows from the mode alone is a finding about the mode. Judged in the first cell,
and in a publication run in all of them.
"""

from dataclasses import replace

import pytest

from experiments.cells.choices import MODES, SCOPES
from experiments.cells.gap import cell_gap_evidence, gap_evidence
from experiments.claims import LEVELS
from experiments.judging.baselines.comparison import Tolerance
from experiments.judging.verdict import Blocked
from experiments.plugin.options import is_default

LEVEL = LEVELS[-1]
DECODE = "decode"

FIRST_TOKEN = "the first token of the answer is still the unablated model's"


@pytest.mark.claim("A1", str(LEVEL), of="mode {mode}, scope {scope}")
@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("mode", MODES)
def test_top_heads_hurt_more_in_the_mode(mode, scope, modes_compared, noise, judged):
    refused = [of_cell.refused[mode] for of_cell in modes_compared if mode in of_cell.refused]
    if refused:  # in one cell: of the others alone it would be another figure
        judged(Blocked(refused[0], missing=False))
    found = [of_cell.outcomes[mode, scope] for of_cell in modes_compared]
    if len(found) == 1:
        evidence = cell_gap_evidence(found[0], LEVEL, noise)
    else:
        evidence = gap_evidence(found, LEVEL, noise=noise)
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
    (compared,) = modes_compared
    cell = next(iter(compared.outcomes.values()))
    figures = {
        f"{mode} {scope}": {
            "top": sum(found.top[LEVEL].values()),
            **{kind: sum(draws[0][LEVEL].values()) for kind, draws in found.controls.items()},
        }
        for (mode, scope), found in compared.outcomes.items()
    }
    json_baseline.check(
        {
            "question": cell.question,
            "tokens": cell.tokens,
            "level": LEVEL,
            "unablated": sum(cell.unablated.values()),
            "modes": figures,
        },
        provenance=compared.provenance,
        tolerances=TOLERANCES,
    )
