"""Query-focused scores against eager attention and a naive reading of the formula."""

import math
from dataclasses import replace

import pytest
import torch

from ablation.detection.methods import rank_heads
from ablation.detection.qrhead import query_focused_scores
from ablation.detection.reading import Text, mean_attention, read
from ablation.errors import ComputationError, InvalidInput
from ablation.hooks.attention import observe_attention
from ablation.tests.detection.detection_prompts import make_prompt, reading_of
from ablation.tests.support.eager_attention import eager_attention
from ablation.tests.support.tiny_models import CONFIGS, random_ids, tiny_model
from ablation.tests.support.tolerances import assert_same

ATTENTION = 1e-5
"""fp32 softmax weights under sdpa's and eager's stream: the issue's bound."""


def naive_scores(model, prompt, closing=()):
    """The formula, one head and one token at a time, from full eager attention."""
    start, end = prompt.needle
    passes = []
    for question in ((*prompt.question, *closing), (*prompt.null_question, *closing)):
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


def scores_of(model, prompt):
    return query_focused_scores(reading_of(model, prompt).asked)


@pytest.mark.parametrize("name", CONFIGS)
def test_mean_attention_is_that_of_eager_attention(name):
    """Of several texts at once, which begin alike, some of their rows in common."""
    model, ids = tiny_model(name), random_ids(40)[0].tolist()
    other = [*ids[:30], *ids[5:12]]
    texts = [
        Text(tuple(ids), ((20, 33), (39, 40)), (3, 20)),
        Text(tuple(other), ((20, 37),), (0, 20)),
        Text(tuple(ids), ((20, 33),), (19, 20)),
    ]
    found = mean_attention(model, texts)
    for text, by_span in zip(texts, found, strict=True):
        full = eager_attention(model, list(text.ids))
        for (first, end), mean in zip(text.rows, by_span, strict=True):
            wanted = full[:, :, first:end].mean(dim=2)[..., slice(*text.columns)]
            assert_same(mean, wanted, ATTENTION)


@pytest.mark.parametrize("spare", [1.1, 99.0])  # then all prompts share a call
def test_many_prompts_read_at_once_are_those_read_alone(model, spare, monkeypatch):
    monkeypatch.setattr("ablation.passes.bundles.SPARE", spare)
    prompts = [make_prompt(seed) for seed in (3, 4, 5)]
    common = prompts[0].context[:20]
    prompts = [replace(one, context=(*common, *one.context[20:])) for one in prompts]
    for prompt, found in zip(prompts, read(model, prompts, keeps_keys=True), strict=True):
        alone = reading_of(model, prompt)
        for ours, theirs in zip(
            (found.asked, found.asked_in_chat), (alone.asked, alone.asked_in_chat), strict=True
        ):
            assert_same(ours.question, theirs.question, ATTENTION)
            assert_same(ours.null_question, theirs.null_question, ATTENTION)
        assert_same(found.last, alone.last, ATTENTION)
        cache, expected = (reading.cache(model.config) for reading in (found, alone))
        for layer, of_alone in zip(cache.layers, expected.layers, strict=True):
            assert_same(layer.keys, of_alone.keys, ATTENTION)
            assert_same(layer.values, of_alone.values, ATTENTION)
        assert cache.get_seq_length() == len(prompt.ids) - 1
        short = read(model, [prompt], keeps_keys=False)[0]
        assert short.packed == ()
        assert torch.equal(short.last, alone.last)
        assert torch.equal(short.asked.question, alone.asked.question)


@pytest.mark.parametrize("name", CONFIGS)
def test_scores_equal_the_naive_formula(name):
    model, prompt = tiny_model(name), make_prompt()
    assert_same(scores_of(model, prompt), naive_scores(model, prompt), ATTENTION)


@pytest.mark.parametrize("name", CONFIGS)
def test_scores_with_the_closing_of_the_chat_turn_equal_the_naive_formula(name):
    model, prompt = tiny_model(name), make_prompt()
    found = query_focused_scores(reading_of(model, prompt).asked_in_chat)
    assert_same(found, naive_scores(model, prompt, prompt.tail[:2]), ATTENTION)
    assert rank_heads(model, None, [prompt], "qrhead_chat").ranking.entries[0][1] == pytest.approx(
        float(found.max()), abs=1e-5
    )


def test_without_a_chat_turn_both_choices_of_rows_are_one():
    model, prompt = tiny_model("llama-gqa"), replace(make_prompt(), tail=(), closing=0)
    reading = reading_of(model, prompt)
    assert torch.equal(reading.asked.question, reading.asked_in_chat.question)
    assert torch.equal(reading.asked.null_question, reading.asked_in_chat.null_question)


def test_a_question_calibrated_by_itself_scores_nothing():
    """The causal mask is held by the comparison with eager attention above."""
    model, prompt = tiny_model("llama-gqa"), make_prompt()
    scores = scores_of(model, prompt)
    uncalibrated = replace(prompt, null_question=prompt.question)
    assert not scores_of(model, uncalibrated).any()
    assert scores.abs().max() > 1e-3


def test_what_follows_the_question_does_not_enter():
    model, prompt = tiny_model("llama-gqa"), make_prompt()
    other = replace(prompt, tail=(5, 6, 7))
    assert_same(scores_of(model, prompt), scores_of(model, other), ATTENTION)


def test_the_beginning_of_the_answer_does_not_enter_with_the_chat_turn():
    model, prompt = tiny_model("llama-gqa"), make_prompt()
    other = replace(prompt, tail=(*prompt.tail[:2], 5))
    ours, theirs = (
        query_focused_scores(reading_of(model, one).asked_in_chat) for one in (prompt, other)
    )
    assert_same(ours, theirs, ATTENTION)


def test_the_attention_implementation_is_restored_after_an_exception():
    model = tiny_model("llama-gqa")
    with pytest.raises(KeyError), observe_attention(model, lambda call: None):
        raise KeyError
    assert model.config._attn_implementation == "sdpa"


def test_ranking_averages_over_prompts_and_sorts():
    model = tiny_model("llama-gqa")
    prompts = [make_prompt(seed) for seed in (3, 4)]
    mean = sum(scores_of(model, prompt).double() for prompt in prompts) / 2
    ranking = rank_heads(model, None, prompts).ranking
    scores = [score for _, score in ranking.entries]
    assert scores == pytest.approx(sorted(mean.flatten().tolist(), reverse=True), abs=1e-5)
    best = ranking.top(1)[0]
    assert mean[best.layer, best.head] == mean.max()


def test_eight_prompts_are_read_in_one_pass(llama, monkeypatch):
    passes = []

    def counted(model, prompts, **how):
        passes.append(len(prompts))
        return read(model, prompts, **how)

    monkeypatch.setattr("ablation.detection.methods.read", counted)
    rank_heads(llama, None, [make_prompt(seed) for seed in range(10)])
    assert passes == [8, 2]


def test_no_prompt_is_refused():
    with pytest.raises(InvalidInput, match="at least one filing"):
        rank_heads(tiny_model("llama-gqa"), None, [])


def test_nan_scores_are_refused():
    model = tiny_model("llama-gqa")
    with torch.no_grad():
        model.model.layers[0].self_attn.q_proj.weight.fill_(float("nan"))
    with pytest.raises(ComputationError, match="NaN"):
        rank_heads(model, None, [make_prompt()])
