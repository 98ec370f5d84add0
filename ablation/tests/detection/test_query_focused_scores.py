"""Query-focused scores against eager attention and a naive reading of the formula."""

import math
from dataclasses import replace

import pytest
import torch

from ablation.detection.mean_attention import record_mean_attention
from ablation.detection.methods import rank_heads
from ablation.detection.qrhead import query_focused_scores
from ablation.errors import ComputationError, InvalidInput
from ablation.tests.detection.detection_prompts import eager_attention, make_prompt
from ablation.tests.tiny_models import CONFIGS, LAYERS, random_ids, tiny_model
from ablation.tests.tolerances import assert_same

ATTENTION = {"rtol": 0, "atol": 1e-5}
"""fp32 softmax weights under sdpa's and eager's stream: the issue's bound."""


def naive_scores(model, prompt):
    """The formula, one head and one token at a time, from full eager attention."""
    start, end = prompt.needle
    passes = []
    for question in (prompt.question, prompt.null_question):
        attention = eager_attention(model, [*prompt.context, *question])
        passes.append((attention, len(question)))
    layers, heads = passes[0][0].shape[:2]
    scores = torch.zeros(layers, heads)
    for layer in range(layers):
        for head in range(heads):
            calibrated = []
            for token in range(start, end):
                means = []
                for attention, rows in passes:
                    column = attention[layer, head, -rows:, token]
                    means.append(sum(column.tolist()) / rows)
                calibrated.append(means[0] - means[1])
            mean = sum(calibrated) / len(calibrated)
            variance = sum((c - mean) ** 2 for c in calibrated) / (len(calibrated) - 1)
            bound = mean - 2 * math.sqrt(variance)
            scores[layer, head] = sum(c for c in calibrated if c > bound)
    return scores


@pytest.mark.parametrize("name", CONFIGS)
def test_recorded_attention_equals_eager_attention(name):
    model = tiny_model(name)
    ids = random_ids(30)
    full = eager_attention(model, ids[0].tolist())
    with torch.no_grad(), record_mean_attention(model) as attention:
        model(ids)
    for layer in range(LAYERS):
        assert_same(attention[layer][0], full[layer].mean(dim=1), ATTENTION)


@pytest.mark.parametrize("name", CONFIGS)
def test_scores_equal_the_naive_formula(name):
    model, prompt = tiny_model(name), make_prompt()
    assert_same(query_focused_scores(model, prompt), naive_scores(model, prompt), ATTENTION)


def test_a_question_calibrated_by_itself_scores_nothing():
    """The causal mask is held by the comparison with eager attention above."""
    model, prompt = tiny_model("llama-gqa"), make_prompt()
    scores = query_focused_scores(model, prompt)
    uncalibrated = replace(prompt, null_question=prompt.question)
    assert not query_focused_scores(model, uncalibrated).any()
    assert scores.abs().max() > 1e-3


def test_what_follows_the_question_does_not_enter():
    model, prompt = tiny_model("llama-gqa"), make_prompt()
    other = replace(prompt, tail=(5, 6, 7))
    assert torch.equal(query_focused_scores(model, prompt), query_focused_scores(model, other))


def test_the_attention_implementation_is_restored_after_an_exception():
    model = tiny_model("llama-gqa")
    with pytest.raises(KeyError), record_mean_attention(model):
        raise KeyError
    assert model.config._attn_implementation == "sdpa"


def test_ranking_averages_over_prompts_and_sorts():
    model = tiny_model("llama-gqa")
    prompts = [make_prompt(seed) for seed in (3, 4)]
    mean = sum(query_focused_scores(model, prompt).double() for prompt in prompts) / 2
    ranking = rank_heads(model, None, prompts).ranking
    assert [score for _, score in ranking.entries] == sorted(mean.flatten().tolist(), reverse=True)
    best = ranking.top(1)[0]
    assert mean[best.layer, best.head] == mean.max()


def test_no_prompt_is_refused():
    with pytest.raises(InvalidInput, match="at least one filing"):
        rank_heads(tiny_model("llama-gqa"), None, [])


def test_nan_scores_are_refused():
    model = tiny_model("llama-gqa")
    with torch.no_grad():
        model.model.layers[0].self_attn.q_proj.weight.fill_(float("nan"))
    with pytest.raises(ComputationError, match="NaN"):
        rank_heads(model, None, [make_prompt()])
