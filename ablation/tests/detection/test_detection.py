"""The methods of detection against naive readings of their formulas, on every architecture."""

from dataclasses import replace

import pytest
import torch
from torch.nn import functional

from ablation.ablator import HeadAblator
from ablation.detection import METHODS
from ablation.detection.gradient import (
    gradient_scores,
    gradient_scores_of_text,
    importance,
)
from ablation.detection.methods import rank_heads, rank_heads_by_methods
from ablation.detection.qrhead import query_focused_scores
from ablation.detection.ranking import random_ranking
from ablation.detection.summed_attention import summed_attention_scores
from ablation.detection.wu24 import retrieval_scores, rouge1_recall
from ablation.errors import ComputationError, InvalidInput
from ablation.heads import Head, HeadGrid
from ablation.hooks.sites import head_sites
from ablation.metrics.perplexity import Bos
from ablation.tests.detection.detection_prompts import (
    Numbers,
    make_prompt,
    reading_of,
)
from ablation.tests.support.eager_attention import eager_attention
from ablation.tests.support.tiny_models import CONFIGS, LAYERS, VOCAB, random_ids, tiny_model
from ablation.tests.support.tolerances import assert_same

ATTENTION = 1e-5
"""fp32 softmax weights under sdpa's and eager's stream."""

HEADS = 4


@pytest.mark.parametrize("name", CONFIGS)
def test_summed_attention_is_the_last_rows(name):
    model, prompt = tiny_model(name), make_prompt()
    full = eager_attention(model, prompt.ids)
    start, end = prompt.needle
    expected = full[:, :, -1, start:end].sum(-1)
    assert_same(summed_attention_scores(reading_of(model, prompt)), expected, ATTENTION)


def retrieved(model, tokenizer, prompt, **options):
    return retrieval_scores(model, tokenizer, prompt, reading_of(model, prompt), **options)


def greedy_answer(model, ids, length=10):
    answer: list[int] = []
    while len(answer) < length and answer[-1:] != [2]:
        with torch.no_grad():
            logits = model(torch.tensor([[*ids, *answer]])).logits
        answer.append(int(logits[0, -1].argmax()))
    return answer


def copied(model, seed=3):
    """A prompt whose needle states what the model will answer."""
    for tried in range(seed, seed + 20):
        prompt = make_prompt(tried)
        for _ in range(5):
            answer = greedy_answer(model, prompt.ids, 2)
            if list(prompt.stated) == answer:
                return prompt
            start, end = prompt.fact
            context = (*prompt.context[:start], *answer, *prompt.context[end:])
            prompt = replace(prompt, context=context)
    pytest.fail("the tiny model never answers what its needle states")


def naive_retrieval(model, prompt):
    """One head, one token and one eager forward at a time."""
    grid, ids = head_sites(model).grid, list(prompt.ids)
    hits = torch.zeros(LAYERS, grid.widest)
    for token in greedy_answer(model, prompt.ids):
        attention = eager_attention(model, ids)
        for at in grid:
            place = int(attention[at.layer, at.head, -1].argmax())
            if prompt.fact[0] <= place < prompt.fact[1] and ids[place] == token:
                hits[at.layer, at.head] += 1
        ids.append(token)
    return hits / len(prompt.stated)


@pytest.mark.parametrize("name", CONFIGS)
def test_retrieval_scores_count_the_tokens_that_are_copied(name):
    model = tiny_model(name)
    prompt = copied(model)
    found = retrieved(model, Numbers(), prompt)
    assert found is not None
    assert_same(found, naive_retrieval(model, prompt), ATTENTION)


def test_what_is_beside_the_answer_in_its_sentence_is_no_hit(llama):
    # Equal logits: the answer is token 0 over and over, and so is all of the context.
    with torch.no_grad():
        llama.lm_head.weight.zero_()
    prompt = replace(make_prompt(), context=(0,) * 40, fact=(15, 17))
    scores = retrieved(llama, Numbers(ends=()), prompt)
    assert scores is not None
    assert_same(scores, naive_retrieval(llama, prompt), ATTENTION)
    # Ten tokens are copied, and over the answer's two that would be a score of 5.
    assert float(scores.max()) < 5


def test_an_answer_that_recalls_just_half_was_not_retrieved(llama):
    prompt = make_prompt()
    first = greedy_answer(llama, prompt.ids)[0]
    half = replace(prompt, context=(*prompt.context[:15], first, 96, *prompt.context[17:]))
    answer = greedy_answer(llama, half.ids)
    assert rouge1_recall(f"{first} 96", " ".join(map(str, answer))) == 0.5
    assert retrieved(llama, Numbers(), half) is None


def test_a_prompt_whose_answer_is_not_retrieved_says_nothing(llama):
    prompt = make_prompt()
    unlike = (*prompt.context[:15], 95, 96, *prompt.context[17:])
    answer = greedy_answer(llama, replace(prompt, context=unlike).ids)
    assert not {95, 96} & set(answer)
    assert retrieved(llama, Numbers(), replace(prompt, context=unlike)) is None
    with pytest.raises(InvalidInput, match="wu24 requires a prompt whose answer the model retriev"):
        rank_heads(llama, Numbers(), [replace(prompt, context=unlike)], "wu24")


def test_recall_is_of_words_in_the_answer_wherever_they_are():
    assert rouge1_recall("West Virginia", "the State of West Virginia in May") == 1
    assert rouge1_recall("West Virginia", "Virginia") == 0.5
    assert rouge1_recall("14,200", "about 14,200 employees") == 1
    assert rouge1_recall("Ohio", "Iowa") == 0


def gated_loss(model, ids, predicted, head, gate):
    """The loss with z of a head multiplied with ``gate``."""
    sites = head_sites(model)

    def hook(projection, args):
        z = args[0].unflatten(-1, (sites.layers[head.layer].heads, -1)).clone()
        z[:, :, head.head] *= gate
        return (z.flatten(-2),)

    handle = sites.layers[head.layer].projection.register_forward_pre_hook(hook)
    with torch.no_grad():
        logits = model(ids).logits[0, -predicted - 1 : -1]
    handle.remove()
    return functional.cross_entropy(logits.double(), ids[0, -predicted:])


@pytest.mark.parametrize("name", CONFIGS)
def test_importance_is_the_slope_of_the_loss_in_the_gate_of_a_head(name):
    # A longer step crosses kinks of the loss: clipped queries (OLMo), ReLU (OPT), another expert.
    model, ids, step = tiny_model(name), random_ids(30), 1e-3
    if model._can_set_experts_implementation():
        model.set_experts_implementation("eager")  # the other has no double precision
    model = model.double()
    found = importance(model, ids, 4)
    for head in head_sites(model).grid:
        above, below = (gated_loss(model, ids, 4, head, 1 + way * step) for way in (1, -1))
        slope = float(above - below) / (2 * step)
        # Norms and the loss are computed in fp32 whatever the weights are.
        assert float(found[head.layer, head.head]) == pytest.approx(abs(slope), rel=5e-3, abs=1e-4)


def test_gradients_are_of_the_answer_after_the_prompt(llama):
    prompt = make_prompt()
    ids = torch.tensor([[*prompt.ids, *prompt.answer]])
    assert torch.equal(gradient_scores(llama, prompt), importance(llama, ids, 3))
    assert gradient_scores(llama, prompt).min() > 0


def test_gradients_of_tokens_that_the_model_does_not_know_are_refused(llama):
    prompt = make_prompt()
    unknown = replace(prompt, tail=(*prompt.tail[:-1], VOCAB))
    with pytest.raises(InvalidInput, match=f"a text has token {VOCAB}, which was added"):
        rank_heads(llama, None, [unknown], "gradient")


def test_gradients_on_a_text_are_averaged_over_the_tokens_of_its_windows(llama):
    ids = random_ids(25)[0]
    found = gradient_scores_of_text(llama, ids, window=10)
    # The last window is shorter, and counts for less.
    first, second, last = (importance(llama, part[None], len(part) - 1) for part in ids.split(10))
    mean = (9 * first.double() + 9 * second.double() + 4 * last.double()) / 22
    torch.testing.assert_close(found, mean, rtol=1e-6, atol=0)


def test_gradients_on_a_text_are_of_what_follows_the_bos(llama):
    ids, bos = random_ids(12)[0], Bos((3, 5), each=True)
    parts = [torch.cat((torch.tensor(bos.ids), part)) for part in ids.split(8)]
    first, last = (importance(llama, part[None], len(part) - 2) for part in parts)
    mean = (8 * first.double() + 4 * last.double()) / 12
    found = gradient_scores_of_text(llama, ids, window=10, bos=bos)
    torch.testing.assert_close(found, mean, rtol=1e-6, atol=0)


def test_the_model_is_left_as_it_was(llama):
    wanted = [parameter.requires_grad for parameter in llama.parameters()]
    for method in METHODS:
        if method not in ("wu24", "random"):
            rank_heads(llama, Numbers(), [make_prompt()], method)
    assert [parameter.requires_grad for parameter in llama.parameters()] == wanted
    assert all(parameter.grad is None for parameter in llama.parameters())
    assert llama.config._attn_implementation == "sdpa"
    assert not [m for m in llama.modules() if m._forward_pre_hooks or m._forward_hooks]


def test_a_ranking_is_of_scores_averaged_over_the_samples_that_say_something(llama):
    first, second = make_prompt(3), make_prompt(4)
    found = rank_heads(llama, Numbers(), [first, second], "summed_attention")
    mean = (
        sum(
            summed_attention_scores(reading_of(llama, prompt)).double()
            for prompt in (first, second)
        )
        / 2
    )
    best = found.ranking.top(1)[0]
    assert mean[best.layer, best.head] == mean.max()
    assert found.samples == 2
    told = copied(llama)
    unlike = replace(second, context=(*second.context[:15], 95, 96, *second.context[17:]))
    found = rank_heads(llama, Numbers(), [told, unlike], "wu24")
    assert found.samples == 1
    scores = retrieved(llama, Numbers(), told)
    assert scores is not None
    assert found.ranking.entries[0][1] == pytest.approx(float(scores.max()))


def test_scores_on_a_shared_context_are_those_of_a_context_alone(llama):
    told, other = copied(llama), make_prompt(4)
    methods = ["wu24", "random", "qrhead_chat", "qrhead", "summed_attention", "gradient"]
    together = rank_heads_by_methods(llama, Numbers(), [told, other], methods)
    assert list(together) == methods
    for method, found in together.items():
        alone = rank_heads(llama, Numbers(), [told, other], method)
        assert found.samples == alone.samples
        scores, expected = (dict(it.ranking.entries) for it in (found, alone))
        assert scores == pytest.approx(expected, abs=1e-6)


def test_a_method_that_nothing_is_said_to_gives_every_head_a_score_of_0(llama):
    told = copied(llama)
    unlike = replace(told, context=(*told.context[:15], 95, 96, *told.context[17:]))
    found = rank_heads_by_methods(llama, Numbers(), [unlike], ["wu24", "qrhead"])
    assert (found["wu24"].samples, found["wu24"].ranking.found) == (0, ())
    assert (found["qrhead"].samples, len(found["qrhead"].ranking.found)) == (1, LAYERS * HEADS)


def test_qrhead_is_the_default(llama):
    scores = query_focused_scores(reading_of(llama, make_prompt()).asked)
    assert rank_heads(llama, None, [make_prompt()]).ranking.entries[0][1] == pytest.approx(
        float(scores.max())
    )


def test_a_random_ranking_is_seeded_and_needs_no_prompt(llama):
    grid = HeadGrid.even(LAYERS, HEADS)
    found = rank_heads(llama, None, [], "random")
    assert (found.samples, found.ranking) == (0, random_ranking(grid))
    assert sorted(head for head, _ in found.ranking.entries) == list(grid)
    assert found.ranking.top(12) != random_ranking(grid, seed=43).top(12)


@pytest.mark.parametrize("method", ["summed_attention", "gradient", "wu24"])
def test_nan_is_an_error_and_no_score(method, llama):
    with torch.no_grad():
        llama.model.layers[1].self_attn.q_proj.weight.fill_(float("nan"))
    with pytest.raises(ComputationError):
        rank_heads(llama, Numbers(), [make_prompt()], method)


def test_an_unknown_method_is_refused(llama):
    with pytest.raises(
        InvalidInput, match="unknown method 'best': choose one of qrhead, qrhead_chat, wu24"
    ):
        rank_heads(llama, None, [make_prompt()], "best")


def test_scores_do_not_depend_on_what_was_ablated_before(llama):
    before = summed_attention_scores(reading_of(llama, make_prompt()))
    with HeadAblator(llama, [Head(0, 0)]):
        assert not torch.equal(summed_attention_scores(reading_of(llama, make_prompt())), before)
    assert torch.equal(summed_attention_scores(reading_of(llama, make_prompt())), before)
