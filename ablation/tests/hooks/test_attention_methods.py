"""Attention in a method of the family's own: seen while somebody looks, and left as it was."""

import pytest
import torch

from ablation.errors import InvalidInput
from ablation.hooks.attention import observe_attention
from ablation.hooks.attention_call import AttentionCall
from ablation.tests.support.tiny_models import tiny_model
from ablation.tests.support.tolerances import assert_same

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


def test_what_somebody_has_put_in_the_place_of_a_method_stays_there():
    model = tiny_model("gpt-j")
    calls: list[AttentionCall] = []
    (first, *_) = attentions(model)
    theirs = first._attn

    def doubled(*args):
        output, weights = theirs(*args)
        return 2 * output, weights

    first._attn = doubled
    expected = model(IDS).logits
    with observe_attention(model, calls.append):
        assert model(IDS).logits.equal(expected)
    assert first._attn is doubled
    assert calls


def test_models_that_share_a_config_are_both_seen():
    one, other = tiny_model("gpt-neo"), tiny_model("gpt-neo", seed=1)
    other.config = other.transformer.config = one.config
    for module in attentions(other):
        module.config = one.config
    expected = other(IDS).logits
    calls: list[AttentionCall] = []
    with observe_attention(one, calls.append), observe_attention(other, calls.append):
        assert other(IDS).logits.equal(expected)
    assert len(calls) == 2 * len(attentions(other))  # by either observer


def test_a_layer_with_a_window_is_seen_with_it():
    model = tiny_model("gpt-neo")
    length, window = IDS.shape[1], model.config.window_size
    assert window < length
    causal = torch.full((1, 1, length, length), torch.finfo(torch.float32).min).triu(1)
    for mask in (None, torch.ones_like(IDS), causal):
        expected = model(IDS, attention_mask=mask).logits
        calls: list[AttentionCall] = []
        with observe_attention(model, calls.append):
            assert_same(model(IDS, attention_mask=mask).logits, expected)
        seen = [call.visible[0, 0, -1].sum().item() for call in calls]
        kinds = {"global": length, "local": window}
        assert seen == [kinds[kind] for kind in model.config.attention_layers]
        for call in calls:
            assert ((call.weights()[0, 0] > 0) == call.visible[0, 0]).all()


def test_attention_that_cannot_be_seen_is_refused():
    """As of a model loaded with flash attention, whose code calls no method and no kernel."""
    model = tiny_model("gpt-neo")
    for module in attentions(model):
        module.__class__ = type("GPTNeoFlashAttention2", (type(module),), {})
    with (
        pytest.raises(InvalidInput, match="of its own, which cannot be seen: load it"),
        observe_attention(model, lambda call: None),
    ):
        pass
    assert model.config._attn_implementation == "eager"
