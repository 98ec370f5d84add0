"""Attention amid a family's own code: seen while somebody looks, and left as it was."""

import pytest
import torch
import transformers as hf
from accelerate.hooks import AlignDevicesHook, add_hook_to_module, remove_hook_from_module

from ablation.errors import InvalidInput
from ablation.hooks.attention import observe_attention
from ablation.hooks.attention_call import AttentionCall
from ablation.hooks.attention_forwards import COLUMNS
from ablation.hooks.sites import head_sites
from ablation.models.checks.check import check_heads
from ablation.models.checks.runs import layer_by_layer
from ablation.passes.layerwise import LayerwisePass
from ablation.passes.token_tree import TokenTree
from ablation.tests.support.eager_attention import eager_attention
from ablation.tests.support.tiny_models import random_ids, tiny_model
from ablation.tests.support.tolerances import assert_same

NAMES = ["bloom", "falcon", "falcon-alibi", "falcon-new-decoder", "mpt"]
IDS = random_ids(24, rows=2)


def attentions(model):
    return [site.attention for site in head_sites(model).layers]


def seen_by(model, ids, **given):
    """What the model gives, and the attention of each of its layers."""
    calls: list[AttentionCall] = []
    with observe_attention(model, calls.append), torch.no_grad():
        output = model(ids, **given)
    return output, calls


@pytest.mark.parametrize("name", NAMES)
def test_a_model_is_as_it_was_once_nobody_looks(name):
    model = tiny_model(name)
    expected, before = model(IDS).logits, model.config._attn_implementation
    output, calls = seen_by(model, IDS)
    assert_same(output.logits, expected)
    assert [call.layer for call in calls] == list(range(len(attentions(model))))
    with pytest.raises(IndexError):
        seen_by(model, torch.full_like(IDS, 1 << 20))
    assert model(IDS).logits.equal(expected)
    assert model.config._attn_implementation == before
    assert not any("forward" in vars(attention) for attention in attentions(model))


@pytest.mark.parametrize("name", NAMES)
def test_weights_are_those_of_eager_attention(name):
    model = tiny_model(name)
    expected = eager_attention(model, IDS[0].tolist())
    _, calls = seen_by(model, IDS[:1])
    for call in calls:
        assert_same(call.weights()[0], expected[call.layer])


@pytest.mark.parametrize("name", NAMES)
def test_a_cache_that_was_filled_unseen_is_gone_on_with(name):
    model = tiny_model(name)
    with torch.no_grad():
        expected = model(IDS).logits[:, -3:]
        cache = model(IDS[:, :-3], use_cache=True).past_key_values
    output, _ = seen_by(model, IDS[:, -3:], past_key_values=cache)
    assert_same(output.logits, expected)


@pytest.mark.parametrize("name", NAMES)
def test_padding_is_seen(name):
    model = tiny_model(name)
    mask = torch.ones_like(IDS)
    mask[1, :7] = 0
    with torch.no_grad():
        expected = model(IDS, attention_mask=mask).logits[:, -1]
    output, calls = seen_by(model, IDS, attention_mask=mask)
    assert_same(output.logits[:, -1], expected)
    assert [call.visible[1, 0, -1].sum().item() for call in calls] == [17] * len(calls)


def test_biases_of_far_keys_are_exact_in_bfloat16():
    """With their positions rounded to 8 bits, near keys would be taken for one another."""
    model = tiny_model("mpt").to(torch.bfloat16)
    model.config.max_seq_len = 1000
    with torch.no_grad():
        bias = model.transformer.build_mpt_alibi_tensor(4, 1000)[:, 0]
    _, calls = seen_by(model, random_ids(1000))
    for call in calls:
        assert_same(call.key[0, :, :, -COLUMNS:].float().sum(-1), bias, tolerance=1e-5)


def test_biases_are_counted_from_where_texts_end():
    """Those of near keys are small then, and attention to them is as exact as products are."""
    model = tiny_model("mpt")
    one = LayerwisePass(head_sites(model), TokenTree(random_ids(200, rows=1).tolist()))
    calls: list[AttentionCall] = []
    with observe_attention(model, calls.append), torch.no_grad():
        one.through(0, one.embedded)
    assert not calls[0].key[0, :, -1, -COLUMNS:].any()


UNLIKE = {
    "BLOOM, the residual behind the norm": lambda: hf.BloomConfig(
        vocab_size=97, hidden_size=48, n_layer=2, n_head=6,
        apply_residual_connection_post_layernorm=True,
    ),
    "Falcon, one value head and ALiBi": lambda: hf.FalconConfig(
        vocab_size=97, hidden_size=48, num_hidden_layers=2, num_attention_heads=6, alibi=True,
        max_position_embeddings=1024,
    ),
    "MPT, six heads": lambda: hf.MptConfig(
        vocab_size=97, d_model=48, n_layers=2, n_heads=6, max_seq_len=1024
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", UNLIKE)
def test_models_unlike_the_tiny_ones_are_run_layer_by_layer(kind):
    config = UNLIKE[kind]()
    torch.manual_seed(0)
    model = hf.AutoModelForCausalLM.from_config(config, attn_implementation=None).eval()
    check_heads(model, engine=True)
    (far,) = layer_by_layer(model, head_sites(model), random_ids(1000))
    assert far.deviation < 1e-5


@pytest.mark.parametrize("name", NAMES)
def test_hooks_of_a_model_on_several_devices_stay(name):
    model = tiny_model(name)
    with torch.no_grad():
        expected = model(IDS).logits
        for attention in attentions(model):
            add_hook_to_module(attention, AlignDevicesHook(execution_device="cpu"))
    output, calls = seen_by(model, IDS)
    assert_same(output.logits, expected)
    assert len(calls) == len(attentions(model))
    assert_same(model(IDS).logits, expected)


def test_a_forward_that_somebody_has_replaced_is_refused():
    model = tiny_model("mpt")
    first = attentions(model)[0]
    first.forward = theirs = lambda *args, **kwargs: None
    with pytest.raises(InvalidInput, match="MptAttention cannot be seen: somebody has replaced"):
        seen_by(model, IDS)
    assert first.forward is theirs
    assert not any("forward" in vars(attention) for attention in attentions(model)[1:])
    add_hook_to_module(first, AlignDevicesHook(execution_device="cpu"))
    with pytest.raises(InvalidInput, match="MptAttention cannot be seen: somebody has replaced"):
        seen_by(model, IDS)


def test_hooks_that_were_taken_away_leave_a_forward_that_can_be_seen():
    model = tiny_model("mpt")
    first = attentions(model)[0]
    add_hook_to_module(first, AlignDevicesHook(execution_device="cpu"))
    remove_hook_from_module(first)
    assert "forward" in vars(first)
    _, calls = seen_by(model, IDS)
    assert len(calls) == len(attentions(model))


def test_a_projection_that_is_taken_apart_is_refused():
    config = hf.BloomConfig(
        vocab_size=97, hidden_size=32, n_layer=1, n_head=4, pretraining_tp=2, slow_but_exact=True
    )
    with pytest.raises(InvalidInput, match="BloomAttention cannot be seen: .*slow_but_exact"):
        seen_by(hf.BloomForCausalLM(config).eval(), IDS)


def test_a_mask_of_a_callers_own_is_refused():
    length = IDS.shape[1]
    causal = torch.full((1, 1, length, length), torch.finfo(torch.float32).min).triu(1)
    with pytest.raises(InvalidInput, match="MptAttention is to be given no mask of a caller's"):
        seen_by(tiny_model("mpt"), IDS, attention_mask=causal)


def test_a_falcon_that_adds_its_biases_twice_is_refused():
    model = tiny_model("falcon-alibi")
    with torch.no_grad():
        once = model(IDS).logits
        model.config._attn_implementation = "eager"
        assert not torch.allclose(model(IDS).logits, once, atol=1e-3)
    with pytest.raises(InvalidInput, match="in eager attention it adds its biases twice; load"):
        seen_by(model, IDS)
