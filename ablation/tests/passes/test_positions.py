"""Positions that change with the length of a pass are refused by name, and only where they do."""

import pytest
import torch
import transformers as hf

from ablation.detection.methods import rank_heads
from ablation.engine.drafted import greedy_tokens
from ablation.errors import InvalidInput
from ablation.models.checks.check import check_heads
from ablation.models.loading import load_model
from ablation.models.registry import model_spec
from ablation.modes import Scope
from ablation.modes.zero import ZeroAblation
from ablation.passes.generation import greedy_answers
from ablation.passes.positions import check_positions, longest_pass, span_limits
from ablation.tests.detection.detection_prompts import make_prompt
from ablation.tests.engine.answering import HEADS, answered, expected
from ablation.tests.support.tiny_models import random_ids, tiny_directory

CONTEXT = 64


def rotary(**rope):
    config = hf.LlamaConfig(
        vocab_size=97,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=3,
        num_attention_heads=4,
        max_position_embeddings=CONTEXT,
        rope_parameters={"rope_theta": 10000.0, **rope},
    )
    model = hf.AutoModelForCausalLM.from_config(config, attn_implementation="sdpa").eval()
    model.generation_config = hf.GenerationConfig(eos_token_id=2, pad_token_id=0)
    return model


DYNAMIC = {"rope_type": "dynamic", "factor": 2.0}
LONGROPE = {
    "rope_type": "longrope",
    "short_factor": [1.0] * 4,
    "long_factor": [3.0] * 4,
    "original_max_position_embeddings": 32,
}


@pytest.mark.slow
def test_up_to_where_they_change_answers_are_those_of_generate():
    model = rotary(**DYNAMIC)
    prompts, sets = random_ids(CONTEXT - 9, 2), [(), (HEADS[1],)]
    assert answered(model, prompts, sets, ZeroAblation()) == expected(
        model, prompts, sets, ZeroAblation()
    )
    model = rotary(**LONGROPE)
    for length in (32 - 9, 34):
        prompts = random_ids(length, 2)
        for scope in Scope:
            ablation = ZeroAblation(scope=scope)
            wanted = expected(model, prompts, sets, ablation)
            assert answered(model, prompts, sets, ablation) == wanted


def test_beyond_they_are_refused():
    model = rotary(**DYNAMIC)
    message = "kind 'dynamic' change at 64 tokens.*65 tokens.*of at most 55 tokens$"
    with pytest.raises(InvalidInput, match=message):
        list(greedy_tokens(model, random_ids(56), [()]))
    with pytest.raises(InvalidInput, match=message):
        greedy_answers(model, None, random_ids(56)[0].tolist(), [()])
    with pytest.raises(InvalidInput, match="of at most 23 tokens, or of more than 32$"):
        list(greedy_tokens(rotary(**LONGROPE), random_ids(24), [()]))
    prompt = make_prompt(context=50)
    with pytest.raises(InvalidInput, match="kind 'dynamic' change at 64"):
        rank_heads(model, None, [prompt])


SCALED = [
    {"rope_type": "linear", "factor": 2.0},
    {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 16},
    {
        "rope_type": "llama3",
        "factor": 4.0,
        "original_max_position_embeddings": 16,
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
    },
]


@pytest.mark.parametrize("rope", SCALED, ids=lambda rope: rope["rope_type"])
def test_answers_under_other_scalings_are_those_of_generate_past_the_original_context(rope):
    model, prompts, sets = rotary(**rope), random_ids(40, 2), [(), (HEADS[1],)]
    found = answered(model, prompts, sets, ZeroAblation())
    assert found == expected(model, prompts, sets, ZeroAblation())
    plain = rotary(rope_type="default")
    plain.load_state_dict(model.state_dict())
    with torch.no_grad():
        assert not torch.allclose(plain(prompts).logits, model(prompts).logits, atol=1e-3)


@pytest.mark.parametrize("rope", [*SCALED, LONGROPE], ids=lambda rope: rope["rope_type"])
def test_the_check_of_a_model_goes_past_the_original_context(rope):
    model = rotary(**rope)
    original = rope.get("original_max_position_embeddings", CONTEXT)
    assert span_limits(model.config) == [original]
    said = " ".join(one.what for one in check_heads(model))
    assert f"at {original + 8} tokens" in said
    assert span_limits(rotary(**DYNAMIC).config) == []  # no text is fed past it


def test_prompts_that_are_read_together_end_on_one_side_of_the_change():
    model = rotary(**LONGROPE)
    with pytest.raises(InvalidInput, match="kind 'longrope' change at 32 tokens"):
        rank_heads(model, None, [make_prompt(context=8), make_prompt(context=40)])


def test_other_positions_are_not_asked():
    model = rotary(rope_type="linear", factor=2.0)
    check_positions(model, 1, 1000)
    assert longest_pass(model.config) is None


def test_the_longest_prompt_ends_before_them(tmp_path):
    tiny_directory(tmp_path)
    config = hf.AutoConfig.from_pretrained(tmp_path)
    config.rope_parameters = {"rope_theta": 10000.0, **DYNAMIC}
    config.save_pretrained(tmp_path)
    loaded = load_model(model_spec(str(tmp_path)))
    assert loaded.context == 2048
    assert loaded.longest_prompt == 2048 - 9
