"""Claim A8: selected heads find the paragraph that answers, with all heads active.

Heads are detected on the detection filings; queries and paragraphs are of the test filings.
"""

import pytest

from ablation.detection.controls import LAYER_MATCHED, UNIFORM, control_draws
from experiments.methods.retrieval.evidence import ALL, DRAWS, recall_evidence


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
