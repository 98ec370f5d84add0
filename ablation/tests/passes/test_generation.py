import pytest
import torch
from transformers import GenerationConfig

from ablation.ablator import HeadAblator
from ablation.engine.drafted import Drafts
from ablation.engine.engines import FastEngine, ReferenceEngine
from ablation.errors import ComputationError, Notice
from ablation.heads import Head
from ablation.models.loading import load_model
from ablation.models.registry import model_spec
from ablation.modes import Scope
from ablation.modes.zero import ZeroAblation
from ablation.passes.generation import greedy_answers, make_greedy
from ablation.tests.support.tiny_models import (
    VOCAB,
    byte_tokenizer,
    random_ids,
    tiny_directory,
    tiny_model,
)

ROWS = [(), (Head(0, 3), Head(2, 5)), (Head(1, 1),), ()]


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    return load_model(model_spec(str(tiny_directory(tmp_path_factory.mktemp("tiny")))))


def one_by_one(loaded, ids, heads):
    """Ten argmaxes of full forwards without a cache."""
    ids = list(ids)
    with HeadAblator(loaded.model, heads), torch.no_grad():
        for _ in range(10):
            logits = loaded.model(torch.tensor([ids]), use_cache=False).logits[0, -1]
            ids.append(int(logits.argmax()))
            if ids[-1] == loaded.model.generation_config.eos_token_id:
                break
    return loaded.tokenizer.decode(ids[-10:], skip_special_tokens=True)


def test_answers_equal_argmax_decoding_without_a_cache(loaded):
    ids = loaded.tokenizer("The company was incorporated in")["input_ids"]
    answers = greedy_answers(loaded.model, loaded.tokenizer, ids, ROWS)
    assert [one.text for one in answers] == [one_by_one(loaded, ids, heads) for heads in ROWS]
    assert answers[0] == answers[3] != answers[1]


def test_generation_defaults_of_the_weights_do_not_bend_a_greedy_answer(loaded):
    ids = loaded.tokenizer("aaaa")["input_ids"]
    plain = greedy_answers(loaded.model, loaded.tokenizer, ids, [()])
    loaded.model.generation_config = GenerationConfig(
        eos_token_id=257, repetition_penalty=50.0, do_sample=True, temperature=5.0, top_k=3
    )
    with pytest.warns(Notice, match="asks for do_sample, repetition_penalty: answers are greedy"):
        make_greedy(loaded.model)
    assert greedy_answers(loaded.model, loaded.tokenizer, ids, [()]) == plain


def test_nan_logits_are_an_error_not_an_answer(tmp_path):
    loaded = load_model(model_spec(str(tiny_directory(tmp_path))))
    with torch.no_grad():
        loaded.model.model.norm.weight.fill_(float("nan"))
    with pytest.raises(ComputationError, match="logits are NaN"):
        greedy_answers(loaded.model, loaded.tokenizer, [5, 6, 7], [()])


@pytest.mark.parametrize("engine", [FastEngine(), ReferenceEngine()], ids=lambda one: one.name)
def test_an_answer_that_ends_with_its_first_token_has_nothing_to_be_ablated(engine):
    model, tokenizer, prompts = tiny_model("llama-gqa"), byte_tokenizer(), random_ids(12, 2)
    with torch.no_grad():
        first = model(prompts).logits[:, -1].argmax(-1).tolist()
    model.generation_config = GenerationConfig(eos_token_id=first)
    ablation = ZeroAblation(scope=Scope.DECODE)
    sets = [(Head(1, 2),), ()]
    given = engine.answers(model, tokenizer, prompts, sets, ablation, Drafts())
    found = {places: [one.text for one in of] for places, of in given}
    answers = tokenizer.batch_decode([[token] for token in first], skip_special_tokens=True)
    assert found == {(0,): answers, (1,): answers}


@pytest.mark.parametrize("pad", [-1, VOCAB, None])
def test_a_padding_that_the_model_does_not_know_is_none(pad):
    model = tiny_model("llama-gqa")
    model.generation_config = GenerationConfig(eos_token_id=[5, 2], pad_token_id=pad)
    make_greedy(model)
    assert model.generation_config.pad_token_id == 5
