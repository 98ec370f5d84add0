"""Retrieval by selected heads against a naive reading of the formula."""

import math

import pytest
import torch

from ablation.detection.retrieval import (
    RetrievalPrompt,
    paragraph_attention,
    paragraph_scores,
    retrieval_prompt,
    retrieve,
)
from ablation.errors import ContextTooShort, InvalidInput
from ablation.heads import Head
from ablation.metrics.retrieval import mean_reciprocal_rank, rank_of, ranked, recall_at
from ablation.tests.support.eager_attention import eager_attention
from ablation.tests.support.tiny_models import CONFIGS, byte_tokenizer, random_ids, tiny_model

PARAGRAPHS = ["Anvils are made here.", "We employ nine people.\n", "Fees are due in May."]
SELECTED = [Head(0, 1), Head(2, 3), Head(1, 0)]


def tiny_prompt():
    ids = random_ids(60)[0].tolist()
    return RetrievalPrompt(
        tuple(ids[:40]), ((3, 12), (12, 13), (15, 40)), tuple(ids[40:50]), tuple(ids[50:55])
    )


def naive_scores(model, prompt, heads):
    """One paragraph, one token and one head at a time, from full eager attention."""
    passes = []
    for query in (prompt.query, prompt.null_query):
        passes.append((eager_attention(model, [*prompt.context, *query]), len(query)))
    scores = []
    for start, end in prompt.paragraphs:
        tokens = []
        for token in range(start, end):
            total = 0.0
            for head in heads:
                means = [
                    float(attention[head.layer, head.head, -rows:, token].double().mean())
                    for attention, rows in passes
                ]
                total += means[0] - means[1]
            tokens.append(total)
        mean = sum(tokens) / len(tokens)
        variance = sum((c - mean) ** 2 for c in tokens) / max(1, len(tokens) - 1)
        scores.append(sum(c for c in tokens if c > mean - 2 * math.sqrt(variance)))
    return scores


@pytest.mark.parametrize("name", CONFIGS)
def test_scores_equal_the_naive_formula(name):
    model, prompt = tiny_model(name), tiny_prompt()
    selections = [SELECTED, SELECTED[:1]]
    scores = paragraph_scores(paragraph_attention(model, prompt), selections)
    for heads, by_paragraph in zip(selections, scores.tolist(), strict=True):
        expected = naive_scores(model, prompt, heads)
        # A paragraph of one token has no spread: whether it lies above its own mean is rounding.
        for place in (0, 2):
            assert by_paragraph[place] == pytest.approx(expected[place], abs=1e-5)


def test_retrieve_gives_the_paragraphs_best_first(llama):
    prompt = tiny_prompt()
    found = retrieve(llama, prompt, SELECTED)
    scores = paragraph_scores(paragraph_attention(llama, prompt), [SELECTED])[0].tolist()
    assert [place for place, _ in found] == ranked(scores)
    assert [score for _, score in found] == sorted(scores, reverse=True)


@pytest.mark.parametrize("chat", [False, True])
def test_a_prompt_holds_the_paragraphs_and_then_the_query(chat):
    tokenizer = byte_tokenizer(chat=chat, adds_bos=True)
    prompt = retrieval_prompt(tokenizer, "Who pays?", PARAGRAPHS, chat=chat)
    shown = [tokenizer.decode(prompt.context[slice(*span)]) for span in prompt.paragraphs]
    assert shown == [f"[{n}] {text.strip()}" for n, text in enumerate(PARAGRAPHS, start=1)]
    text = tokenizer.decode([*prompt.context, *prompt.query])
    opening, closing = ("[", "]>") if chat else ("<bos>", "")
    assert text.startswith(f"{opening}Here are some paragraphs:\n\n[1] Anvils")
    assert text.endswith(f"paragraphs above.\n\nQuery: Who pays?{closing}")
    assert tokenizer.decode(prompt.null_query).endswith(f"Query: N/A{closing}")


def test_ranks_are_counted_from_the_best_score():
    scores = [0.1, 0.5, -0.2, 0.3]
    assert ranked(scores) == [1, 3, 0, 2]
    ranks = [rank_of(scores, gold) for gold in range(4)]
    assert ranks == [3, 1, 4, 2]
    assert [recall_at(ranks, k) for k in (1, 2, 4)] == [0.25, 0.5, 1.0]
    assert mean_reciprocal_rank(ranks) == pytest.approx((1 / 3 + 1 + 1 / 4 + 1 / 2) / 4)


def test_equal_scores_are_no_merit():
    # A model that attends to nothing must not find the paragraph that comes first.
    assert rank_of([0.0] * 4, 0) == 4


def test_what_cannot_be_retrieved_from_is_refused(llama):
    tokenizer = byte_tokenizer()
    with pytest.raises(InvalidInput, match="at least one paragraph is required, got none"):
        retrieval_prompt(tokenizer, "Who?", [])
    with pytest.raises(InvalidInput, match="paragraph 2 is empty"):
        retrieval_prompt(tokenizer, "Who?", ["one", " \n"])
    with pytest.raises(InvalidInput, match="a tokenizer with a chat template, and this one has no"):
        retrieval_prompt(tokenizer, "Who?", ["one"], chat=True)
    with pytest.raises(InvalidInput, match="at least one head must be selected"):
        retrieve(llama, tiny_prompt(), [])
    with pytest.raises(InvalidInput, match="head L9H9 is out of range"):
        retrieve(llama, tiny_prompt(), [Head(9, 9)])
    with pytest.raises(
        ContextTooShort, match="the model's context holds 256: give fewer paragraphs"
    ):
        retrieve(llama, retrieval_prompt(tokenizer, "Who?", ["word " * 60]), SELECTED)


def test_the_model_is_left_as_it_was(llama):
    retrieve(llama, tiny_prompt(), SELECTED)
    assert llama.config._attn_implementation == "sdpa"
    assert torch.is_grad_enabled()
