"""Claim A6 on the real model: what is left of a head whose queries are zeroed.

That zeroed queries are the mean of the values a position may see, whatever the weights, is proven
in ``experiments/published/test_zeroed_attention.py`` and ``ablation/tests/modes/``, there on the
embedded model, too; here what is left of its heads is measured.
"""

from collections.abc import Mapping

import pytest

from experiments.judging.verdict import Blocked
from experiments.methods.zeroed_attention import left_evidence, norms, why_not

KNOWN_NOT_TO_HOLD: Mapping[str, str] = {
    "smollm2 A6": "the median head adds 119.6% of its norm with zeroed queries, two heads of three "
    "more than before",
}


@pytest.mark.claim("A6")
def test_nothing_is_left_of_a_heads_output(cells, cell_for, chosen_model, store, judged):
    if reason := why_not(chosen_model):
        judged(Blocked(reason, missing=False))
    assert judged(left_evidence(norms(cell_for(cells[0]), store))).holds
