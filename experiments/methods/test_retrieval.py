"""Claim A8: selected heads find the paragraph that answers, with all heads active.

Heads are detected on the detection filings; queries and paragraphs are of the test filings.
"""

from collections.abc import Mapping

import pytest

from ablation.detection.controls import LAYER_MATCHED, UNIFORM, control_draws
from experiments.methods.retrieval.evidence import ALL, DRAWS, recall_evidence

KNOWN_NOT_TO_HOLD: Mapping[str, str] = {
    "smollm2 A8 all heads": "the top 16 heads put 40.6% of the gold paragraphs first, and all 270 "
    "as many: 0.0 points [-10.9, 10.9]",
}


@pytest.mark.claim("A8")
def test_selected_heads_retrieve_better_than_heads_of_the_same_layers(retrieved, judged):
    draws = [str(draw) for draw in control_draws(LAYER_MATCHED, DRAWS)]
    assert judged(recall_evidence(retrieved, draws)).holds


@pytest.mark.claim("A8", of="uniform control")
def test_selected_heads_retrieve_better_than_random_heads_of_any_layer(retrieved, judged):
    draws = [str(draw) for draw in control_draws(UNIFORM, DRAWS)]
    assert judged(recall_evidence(retrieved, draws)).holds


@pytest.mark.claim("A8", of="all heads")
def test_selected_heads_retrieve_better_than_all_heads(retrieved, judged):
    assert judged(recall_evidence(retrieved, [ALL])).holds
