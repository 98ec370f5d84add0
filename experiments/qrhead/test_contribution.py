"""Claim A5 on the real model: output zeroing removes exactly the head's contribution."""

import pytest
import torch

from ablation.ablator import HeadAblator
from ablation.capture import capture_z
from ablation.heads import Head
from ablation.sites import head_sites
from experiments.judging.verdict import Evidence

HEADS_PER_LAYER = (0, 4, 8)
ROUNDING = {torch.float32: 1e-4, torch.float16: 1e-2, torch.bfloat16: 1e-1}
"""Attention outputs are of order 1 to 10: the projection of all heads but one, against a difference
of two products, each rounded to the dtype."""


@pytest.mark.claim("A5")
@torch.inference_mode()
def test_zeroing_a_head_makes_its_contribution_exactly_zero(loaded_model, cells, cell_for, judged):
    model = loaded_model.model
    sites = head_sites(model)
    ids = torch.tensor([cell_for(cells[0]).test[0][1].ids[:64]], device=model.device)
    largest, checked = 0.0, 0
    for layer in range(0, sites.grid.layers, 5):
        for index in {min(head, sites.grid.heads - 1) for head in HEADS_PER_LAYER}:
            before, z = _attention_output(model, layer, ids)
            with HeadAblator(model, [Head(layer, index)]):
                after, z_ablated = _attention_output(model, layer, ids)
            weight = sites.output_weight(layer)[index]
            contribution = z[:, :, index] @ weight
            left = z_ablated[:, :, index] @ weight
            largest = max(largest, left.abs().max().item())
            checked += 1
            assert contribution.abs().max() > 0
            torch.testing.assert_close(
                after, before - contribution, rtol=0, atol=ROUNDING[model.dtype]
            )
    assert judged(Evidence.exact(largest, checked, "heads", "64 tokens of a test prompt")).met


def _attention_output(model, layer, ids):
    outputs = []
    projection = head_sites(model).layers[layer].projection
    handle = projection.register_forward_hook(lambda module, args, output: outputs.append(output))
    try:
        with capture_z(model, [layer]) as z:
            model(ids, logits_to_keep=1)
    finally:
        handle.remove()
    return outputs[0], z[layer]
