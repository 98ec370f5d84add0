"""Attention in a method of the family's own: seen while somebody looks, and left as it was."""

import pytest
import torch

from ablation.hooks.attention import AttentionCall, observe_attention
from ablation.tests.support.tiny_models import tiny_model

IDS = torch.arange(2, 26)[None]


def attentions(model):
    return [module for module in model.modules() if hasattr(type(module), "_attn")]


@pytest.mark.parametrize("name", ["gpt-j", "codegen", "gpt-neo"])
def test_a_model_is_as_it_was_once_nobody_looks(name):
    model = tiny_model(name)
    before = [dict(module._buffers) for module in attentions(model)]
    unobserved = model(IDS).logits
    calls: list[AttentionCall] = []
    with observe_attention(model, calls.append):
        assert model(IDS).logits.equal(unobserved)
    with pytest.raises(IndexError), observe_attention(model, calls.append):
        model(torch.full_like(IDS, 1 << 20))
    assert [call.layer for call in calls] == list(range(len(attentions(model))))
    assert model(IDS).logits.equal(unobserved)
    assert model.config._attn_implementation == "eager"
    for module, buffers in zip(attentions(model), before, strict=True):
        assert "_attn" not in vars(module)
        assert all(module._buffers[key] is buffer for key, buffer in buffers.items())


def test_a_layer_with_a_window_is_seen_with_it():
    model = tiny_model("gpt-neo")
    calls: list[AttentionCall] = []
    with observe_attention(model, calls.append):
        model(IDS)
    window = model.config.window_size
    assert window < IDS.shape[1]
    seen = {
        kind: call.visible[0, 0, -1].sum().item()
        for kind, call in zip(model.config.attention_layers, calls, strict=True)
    }
    assert seen == {"global": IDS.shape[1], "local": window}
    for call in calls:
        assert ((call.weights()[0, 0] > 0) == call.visible[0, 0]).all()
