"""Claim A5 on the real model: output zeroing removes exactly the head's contribution."""

import pytest

from experiments.qrhead.contribution import contribution_evidence, contributions

ROUNDING = {"float32": 1e-4, "float16": 1e-2, "bfloat16": 1e-1}
"""Attention outputs are of order 1 to 10: the projection of all heads but one, against a difference
of two products, each rounded to the dtype."""


@pytest.mark.claim("A5")
def test_zeroing_a_head_makes_its_contribution_exactly_zero(cells, cell_for, store, judged):
    cell = cell_for(cells[0])
    rows = contributions(cell, store)
    for row in rows:
        assert row["contribution"] > 0, row
        assert row["beside"] <= ROUNDING[cell.model.dtype], row
    assert judged(contribution_evidence(rows)).met
