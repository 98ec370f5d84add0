"""What is captured of the residual stream is what the model computes with."""

import pytest
import torch

from ablation.ablator import HeadAblator
from ablation.heads import Head
from ablation.hooks.capture import capture_residual
from ablation.hooks.sites import head_sites
from ablation.tests.support.tiny_models import LAYERS, random_ids
from ablation.tests.support.tolerances import assert_same


def stream_of(model, ids):
    with capture_residual(model) as stream, torch.no_grad():
        output = model(ids, output_hidden_states=True)
    return stream, output.hidden_states


def test_the_stream_is_that_of_the_model_and_the_last_is_before_the_final_norm(model):
    stream, states = stream_of(model, random_ids(9, rows=2))
    assert sorted(stream) == list(range(LAYERS + 1))
    for point in range(LAYERS):
        assert torch.equal(stream[point], states[point])
    with torch.no_grad():
        assert_same(head_sites(model).final_norm(stream[LAYERS]), states[LAYERS])
    assert not torch.equal(stream[LAYERS], states[LAYERS])


def test_an_ablated_head_changes_the_stream_from_its_layer_on(model):
    ids = random_ids(9)
    before, _ = stream_of(model, ids)
    with HeadAblator(model, [Head(1, 0)]):
        after, _ = stream_of(model, ids)
    changed = [not torch.equal(before[point], after[point]) for point in range(LAYERS + 1)]
    assert changed == [False, False, True, True]


def test_no_hook_remains(model):
    with pytest.raises(KeyError), capture_residual(model):
        raise KeyError
    blocks = [site.block for site in head_sites(model).layers]
    assert not any(block._forward_pre_hooks or block._forward_hooks for block in blocks)
