"""The planted models are what their docstrings say: it is known what each of their heads does."""

import pytest
import torch

from ablation.ablator import HeadAblator
from ablation.filings.filing import QUESTIONS
from ablation.filings.synthetic import synthetic_filings
from ablation.heads import Head
from ablation.models.model import open_model
from ablation.models.planted.retrieval import DECOY, QUESTION, RETRIEVING, retrieving_model
from ablation.models.planted.weights import GPT2, LLAMA
from ablation.models.planted.words import (
    CONSTANT,
    EITHER,
    PAIRS,
    REDUNDANT,
    SHARED_OUT,
    SHARING,
    model_of_words,
    text_of_words,
)
from ablation.models.registry import model_spec
from ablation.prompts.haystacks import ten_k_boilerplate
from ablation.prompts.prompt import PromptBuilder
from ablation.prompts.styles import PRIMED_CHAT
from ablation.tests.support.eager_attention import eager_attention

FILINGS = synthetic_filings(12).filings


@pytest.fixture(scope="module", params=[LLAMA, GPT2])
def planted(request, tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "planted"
    retrieving_model(path, architecture=request.param)
    return open_model(model_spec(str(path), PRIMED_CHAT.name)).loaded


@pytest.fixture(scope="module")
def prompts(planted):
    build = PromptBuilder(
        planted.tokenizer, QUESTIONS[QUESTION], 300, ten_k_boilerplate(), PRIMED_CHAT
    )
    return [build.build(filing) for filing in FILINGS]


def answers(planted, prompts, heads):
    found = []
    for prompt in prompts:
        with HeadAblator(planted.model, heads), torch.no_grad():
            logits = planted.model(torch.tensor([prompt.ids])).logits
        found.append(planted.tokenizer.decode([int(logits[0, -1].argmax())]).strip())
    return found


def truths():
    return [filing.facts[QUESTION].value for filing in FILINGS]


@pytest.mark.slow
def test_it_answers_right_and_needs_its_retrieving_heads(planted, prompts):
    assert answers(planted, prompts, []) == truths()
    assert answers(planted, prompts, RETRIEVING) == ["Nowhere"] * len(FILINGS)
    assert answers(planted, prompts, RETRIEVING[1:]) == ["Nowhere"] * len(FILINGS)
    assert answers(planted, prompts, RETRIEVING[:1]) == truths()


@pytest.mark.slow
def test_it_needs_no_other_head(planted, prompts):
    others = [head for head in planted.grid if head not in RETRIEVING]
    assert answers(planted, prompts, others) == truths()


def test_the_decoy_looks_where_the_others_do(planted, prompts):
    attention = eager_attention(planted.model, prompts[0].ids)
    start, end = prompts[0].fact
    for head in (*RETRIEVING, DECOY):
        assert attention[head.layer, head.head, -1, start:end].sum() > 0.99
    elsewhere = attention[0, :, -1, start:end].sum(-1)
    assert elsewhere.max() < 0.9


def test_the_answer_ends_after_the_state(planted, prompts):
    ids = torch.tensor([[*prompts[0].ids, *prompts[0].answer]])
    with torch.no_grad():
        last = int(planted.model(ids).logits[0, -1].argmax())
    assert last == planted.tokenizer.eos_token_id


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_the_seed_changes_only_the_heads_that_do_nothing(tmp_path, seed, prompts):
    path = retrieving_model(tmp_path / "planted", seed=seed)
    other = open_model(model_spec(str(path), PRIMED_CHAT.name)).loaded
    assert answers(other, prompts, []) == truths()
    assert answers(other, prompts, RETRIEVING) == ["Nowhere"] * len(FILINGS)


@pytest.fixture(scope="module", params=[REDUNDANT, SHARED_OUT])
def words(request, tmp_path_factory):
    path = model_of_words(tmp_path_factory.mktemp("models") / "words", request.param)
    return request.param, open_model(model_spec(str(path))).loaded.model


def losses(model, heads):
    """Mean nats of the second words, and of the first ones but the very first."""
    ids = torch.tensor([text_of_words(100)])
    with HeadAblator(model, heads), torch.no_grad():
        logits = model(ids).logits[0, :-1]
    nats = torch.nn.functional.cross_entropy(logits, ids[0, 1:], reduction="none")
    return nats[::2].mean().item(), nats[1::2].mean().item()


def test_each_head_of_the_model_of_words_does_what_it_is_said_to(words):
    work, model = words
    second, first = losses(model, [])
    if work == REDUNDANT:
        for head in EITHER:
            assert losses(model, [head]) == pytest.approx((second, first), abs=0.01)
        assert losses(model, EITHER)[0] > second + 3
        assert losses(model, [CONSTANT])[1] > first + 1
        busy = {CONSTANT, *EITHER}
    else:
        alone = [losses(model, [head])[0] - second for head in SHARING]
        assert min(alone) > 0
        # Each costs nothing but its own word: their costs add up.
        assert losses(model, SHARING)[0] - second == pytest.approx(sum(alone), abs=0.01)
        busy = {*SHARING}
    grid = [Head(layer, head) for layer in range(5) for head in range(4)]
    idle = [head for head in grid if head not in busy]
    assert losses(model, idle) == pytest.approx((second, first), abs=1e-6)


def test_the_text_of_words_is_of_pairs():
    ids = text_of_words(32)
    assert ids == text_of_words(32)
    assert ids != text_of_words(32, seed=1)
    assert all(second == first + PAIRS for first, second in zip(ids[::2], ids[1::2], strict=True))
