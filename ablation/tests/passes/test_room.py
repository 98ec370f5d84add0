"""How much goes through a model at once."""

import pytest
import torch
import transformers as hf

from ablation.engine import ACTIVATION_MIB
from ablation.passes.room import PROMPTS_ON_CPU, in_batches, room_for
from ablation.tests.support.tiny_models import tiny_model

ACTIVATION_BYTES = ACTIVATION_MIB << 20


def batches_of(model, length, prompts=8):
    room = room_for(model, length, ACTIVATION_BYTES)
    ids = [[number] * length for number in range(prompts)]
    return in_batches(ids, range(prompts), room.tokens, shared=True)


def test_a_few_prompts_go_through_a_small_model_together():
    assert {len(batch) for batch in batches_of(tiny_model("llama-gqa"), 40)} == {PROMPTS_ON_CPU}


@pytest.fixture(scope="module")
def large():
    """Llama-3-8B's shapes, without weights."""
    config = hf.LlamaConfig(
        vocab_size=128_256,
        hidden_size=4096,
        intermediate_size=14_336,
        num_hidden_layers=32,
        num_attention_heads=32,
        num_key_value_heads=8,
    )
    with torch.device("meta"):
        return hf.AutoModelForCausalLM.from_config(config)


@pytest.mark.parametrize("length", [512, 8192])
def test_where_a_prompt_takes_long_no_other_is_lost_with_it(length, large):
    assert {len(batch) for batch in batches_of(large, length)} == {1}


def test_small_memory_takes_prompts_one_by_one():
    model = tiny_model("llama-gqa")
    room = room_for(model, 40, activation_bytes=1)
    assert in_batches([[1] * 40] * 3, range(3), room.tokens, shared=False) == [(0,), (1,), (2,)]
