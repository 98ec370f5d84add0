"""Claim A5 on the real model: output zeroing removes exactly the head's contribution."""

import pytest

from experiments.qrhead.contribution import contribution_evidence, contributions

LARGEST = 42
"""No output of attention is larger in what is measured on SmolLM2 (41.4)."""

ROUNDING = {"float32": 1e-4, "float16": 2 * 2**-10 * LARGEST, "bfloat16": 2 * 2**-7 * LARGEST}
"""The projection of all heads but one, against a difference of two products. In a narrow dtype each
of the four is rounded by half of its spacing at most (measured: 0.77 and 0.98 of one spacing in
all); in fp32 sums count for more, in another order."""


@pytest.mark.claim("A5")
def test_zeroing_a_head_makes_its_contribution_exactly_zero(cells, cell_for, store, judged):
    cell = cell_for(cells[0])
    rows = contributions(cell, store)
    held = judged(contribution_evidence(rows)).holds
    for row in rows:
        assert row["contribution"] > 0, row
        assert row["beside"] <= ROUNDING[cell.model.dtype], row
    assert held
