import pytest
import torch
from transformers import GenerationConfig

from ablation.ablator import HeadAblator
from ablation.errors import ComputationError
from ablation.generation import greedy_answers, make_greedy
from ablation.heads import Head
from ablation.models.loading import load_model
from ablation.models.registry import model_spec
from ablation.tests.tiny_models import tiny_directory

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
    assert answers == [one_by_one(loaded, ids, heads) for heads in ROWS]
    assert answers[0] == answers[3] != answers[1]


def test_generation_defaults_of_the_weights_do_not_bend_a_greedy_answer(loaded):
    ids = loaded.tokenizer("aaaa")["input_ids"]
    plain = greedy_answers(loaded.model, loaded.tokenizer, ids, [()])
    loaded.model.generation_config = GenerationConfig(
        eos_token_id=257, repetition_penalty=50.0, do_sample=True, temperature=5.0, top_k=3
    )
    make_greedy(loaded.model)
    assert greedy_answers(loaded.model, loaded.tokenizer, ids, [()]) == plain


def test_nan_logits_are_an_error_not_an_answer(tmp_path):
    loaded = load_model(model_spec(str(tiny_directory(tmp_path))))
    with torch.no_grad():
        loaded.model.model.norm.weight.fill_(float("nan"))
    with pytest.raises(ComputationError, match="logits are NaN"):
        greedy_answers(loaded.model, loaded.tokenizer, [5, 6, 7], [()])
