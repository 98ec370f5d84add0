"""The check of a model before its first figure: right models pass, whatever is broken does not."""

import types

import pytest
import torch
from torch import nn
from transformers import GenerationConfig
from transformers.models.smollm3.modeling_smollm3 import SmolLM3Attention

from ablation.errors import ComputationError
from ablation.heads import Head
from ablation.hooks.sites import head_sites
from ablation.models.checks.check import check_heads
from ablation.models.checks.prompts import TOKENS, random_prompts
from ablation.modes import Scope
from ablation.passes.generation import greedy_ids
from ablation.passes.positions import span_limits
from ablation.tests.engine.answering import ablation_of, answered, expected
from ablation.tests.support.tiny_models import CONFIGS, LAYERS, random_ids, tiny_model


def test_every_family_passes(model):
    found = check_heads(model)
    assert all(one.deviation < 1e-5 for one in found)
    said = " ".join(one.what for one in found)
    assert f"attention in layer {LAYERS - 1}" in said
    for limit in span_limits(model.config):
        assert f"at {limit + 8} tokens" in said


def test_heads_may_be_wider_in_some_layers():
    config = CONFIGS["smollm3"]()
    config.no_rope_layers = [1, 0, *[1] * (LAYERS - 2)]  # the second has no positions of a width
    model = type(tiny_model("smollm3"))(config)
    model.config.head_dim = 12
    model.model.layers[1].self_attn = SmolLM3Attention(model.config, layer_idx=1)
    del model.config.head_dim
    model.generation_config = GenerationConfig(eos_token_id=2, pad_token_id=0)
    sites = head_sites(model.eval())
    assert [sites.layers[layer].head_dim for layer in range(3)] == [8, 12, 8]
    assert all(one.deviation < 1e-5 for one in check_heads(model))
    prompts, heads = random_ids(30, rows=2), [(), (Head(1, 3),), (Head(0, 0), Head(1, 0))]
    for mode in ("zero", "zero-keep-bias", "mean", "resample", "uniform-causal", "bos"):
        ablation = ablation_of(mode, Scope.ALL, model, prompts)
        assert answered(model, prompts, heads, ablation) == expected(
            model, prompts, heads, ablation
        )


def test_a_model_in_bfloat16_passes(llama):
    assert check_heads(llama.to(torch.bfloat16))


@pytest.mark.slow
def test_every_family_passes_in_bfloat16(model):
    assert check_heads(model.to(torch.bfloat16))


class Adapter(nn.Module):
    """An adapter of low rank beside the projection, as it is loaded before it is merged."""

    def __init__(self, projection):
        super().__init__()
        self.base = projection
        self.weight, self.bias = projection.weight, projection.bias
        self.in_features = projection.in_features
        self.down = nn.Linear(projection.in_features, 2, bias=False)
        self.up = nn.Linear(2, projection.out_features, bias=False)

    def forward(self, z):
        return self.base(z) + self.up(self.down(z))


def with_adapter(model):
    attention = model.model.layers[1].self_attn
    attention.o_proj = Adapter(attention.o_proj)


def with_scaled_attention(model):
    """As a residual multiplier that somebody has patched into attention."""
    attention = model.model.layers[1].self_attn
    own = attention.forward

    def forward(self, *args, **kwargs):
        output, weights = own(*args, **kwargs)
        return 0.7 * output, weights

    attention.forward = types.MethodType(forward, attention)


def with_attention_to_the_future(model):
    """A layer whose tokens see what comes after them, as a patch of the mask would do."""
    layer = model.model.layers[1]
    own = layer.forward

    def forward(self, hidden_states, **kwargs):
        out = own(hidden_states, **kwargs)
        return out + 0.1 * hidden_states.mean(dim=1, keepdim=True)

    layer.forward = types.MethodType(forward, layer)


def with_heads_that_mix(model):
    """A norm over all of z, so that no head is on its own."""
    projection = model.model.layers[1].self_attn.o_proj
    own = projection.forward
    projection.forward = lambda z: own(z / z.norm(dim=-1, keepdim=True))


class Watched(nn.Linear):
    """A projection whose input is seen before any hook has changed it."""

    def __call__(self, z):
        self.given = z
        return super().__call__(z)


def with_a_projection_of_its_own(model):
    """Attention that is fused with its projection, and calls the module for show."""
    attention = model.model.layers[1].self_attn
    own = attention.forward
    attention.o_proj.__class__ = Watched

    def forward(self, *args, **kwargs):
        _, weights = own(*args, **kwargs)
        return nn.functional.linear(self.o_proj.given, self.o_proj.weight), weights

    attention.forward = types.MethodType(forward, attention)


def with_scores_that_are_more_than_products(model):
    """Attention that leans to the first token, whatever queries and keys say."""
    attention = model.model.layers[1].self_attn
    own = attention.forward

    def forward(self, hidden_states, *, attention_mask=None, **kwargs):
        size = hidden_states.shape[1]
        mask = torch.full((size, size), float("-inf")).triu(1)
        mask[:, 0] = 3.0
        return own(hidden_states, attention_mask=mask[None, None], **kwargs)

    attention.forward = types.MethodType(forward, attention)


def with_other_tokens_on_a_cache(model):
    """A layer that computes several tokens on top of a cache otherwise than one by one."""
    layer = model.model.layers[1]
    own = layer.forward

    def forward(self, hidden_states, **kwargs):
        out = own(hidden_states, **kwargs)
        return -out if hidden_states.shape[1] == 2 else out

    layer.forward = types.MethodType(forward, layer)


def with_a_cache_that_misleads(model):
    """A layer that computes a token on top of a cache otherwise than in the whole text."""
    layer = model.model.layers[1]
    own = layer.forward

    def forward(self, hidden_states, **kwargs):
        out = own(hidden_states, **kwargs)
        return -out if hidden_states.shape[1] == 1 else out

    layer.forward = types.MethodType(forward, layer)


def with_nan(model):
    model.model.layers[1].self_attn.q_proj.weight.data.fill_(float("nan"))


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (with_adapter, "the output of attention in layer 1 and the sum of its heads' parts differ"),
        (with_scaled_attention, "attention in layer 1 and the sum of its heads' parts differ by"),
        (with_heads_that_mix, "attention in layer 1 and the sum of its heads' parts differ by"),
        (with_a_projection_of_its_own, "what zeroing L1H3 takes from the output of attention"),
        (with_scores_that_are_more_than_products, "z of L1H0 under uniform attention and with"),
        (with_other_tokens_on_a_cache, "logits of drafted tokens and of those that generate gives"),
        (with_attention_to_the_future, "logits of the layers one by one and of the whole model"),
        (with_nan, "LlamaForCausalLM computes NaN on a few random tokens"),
    ],
)
def test_what_is_broken_is_named(llama, broken, said):
    with torch.no_grad():
        broken(llama)
    with pytest.raises(ComputationError, match=said):
        check_heads(llama)


def test_what_is_broken_in_decoding_is_named_for_the_reference_engine_too(llama):
    with_a_cache_that_misleads(llama)
    said = "logits of decoded tokens and of the likeliest ones, at 12 tokens, differ by"
    with pytest.raises(ComputationError, match=said):
        check_heads(llama, engine=False)


def test_an_answer_that_ends_before_another_is_no_fault():
    model, heads = tiny_model("llama-gqa", seed=1), (Head(LAYERS // 2, 0),)
    answers = greedy_ids(
        model, random_prompts(model, TOKENS), [heads] * 2, max_new_tokens=3
    ).tolist()
    (first, end, _), other = answers
    assert end not in (first, *other)
    model.generation_config.eos_token_id = end  # what follows it is padded
    assert check_heads(model, engine=False)


def test_logits_of_the_whole_text_that_are_nan_are_none_that_agree(llama, monkeypatch):
    monkeypatch.setattr(
        "ablation.models.checks.runs.greedy_ids", lambda *a, **k: torch.ones(2, 2).long()
    )
    own = llama.forward

    def forward(*args, **kwargs):
        found = own(*args, **kwargs)
        if kwargs.get("logits_to_keep") == 1:
            found.logits[:] = float("nan")
        return found

    llama.forward = forward
    with pytest.raises(ComputationError, match="computes NaN on a few random tokens"):
        check_heads(llama, engine=False)


def test_a_layer_that_is_a_little_off_is_found_in_bfloat16(llama):
    attention = llama.model.layers[1].self_attn
    own = attention.forward
    attention.forward = lambda *args, **kwargs: (0.9 * own(*args, **kwargs)[0], None)
    with pytest.raises(ComputationError, match="attention in layer 1 and the sum .* 0.04 is"):
        check_heads(llama.to(torch.bfloat16))


def test_nothing_is_left_behind(llama):
    check_heads(llama)
    modules = llama.modules()
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in modules)
    assert llama.config._attn_implementation == "sdpa"


def test_the_reference_engine_needs_no_layers_one_by_one(llama):
    assert not any("one by one" in one.what for one in check_heads(llama, engine=False))
