"""Linear layers through oneDNN: the same products, on the same weights."""

import pytest
import torch
from torch import nn

from ablation.engine.drafted import Drafts
from ablation.engine.engines import FastEngine, ReferenceEngine
from ablation.engine.linear import OneDnnLinear, use_onednn
from ablation.heads import Head
from ablation.modes.zero import ZeroAblation
from ablation.tests.support.tiny_models import CONFIGS, random_ids, tiny_model
from ablation.tests.support.tolerances import assert_same


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("shape", [(1, 7), (3, 5, 7), (2, 1, 7)], ids=str)
def test_a_linear_layer_is_the_same(shape, bias):
    torch.manual_seed(0)
    linear, ours = nn.Linear(7, 11, bias=bias), OneDnnLinear(7, 11, bias=bias)
    ours.load_state_dict(linear.state_dict())
    states = torch.randn(*shape)
    with torch.inference_mode():
        assert_same(ours(states), linear(states))
        # What is cut out of a larger tensor, too.
        assert_same(ours(states[..., -1:, :]), linear(states[..., -1:, :]))


@pytest.mark.parametrize("of_weights", [False, True])
@pytest.mark.parametrize("bias", [False, True])
def test_gradients_are_the_same(bias, of_weights):
    torch.manual_seed(0)
    linear, ours = nn.Linear(7, 11, bias=bias), OneDnnLinear(7, 11, bias=bias)
    ours.load_state_dict(linear.state_dict())
    states, towards = torch.randn(3, 5, 7), torch.randn(3, 5, 11)
    found = []
    for layer in (linear, ours):
        layer.requires_grad_(of_weights)
        given = states.clone().requires_grad_()
        (layer(given) * towards).sum().backward()
        found.append([given.grad, *(weights.grad for weights in layer.parameters())])
    for expected, got in zip(*found, strict=True):
        if expected is None:
            assert got is None
        else:
            assert_same(got, expected, tolerance=1e-5)
    assert (found[1][1] is not None) == of_weights


@pytest.fixture
def avx512(monkeypatch):
    """oneDNN is used as on a processor with AVX-512; without, it takes other instructions."""
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX512")


def test_a_model_is_the_same_and_its_weights_stay_where_they_are(avx512, model):
    ids = random_ids(9)
    with torch.inference_mode():
        before = model(ids).logits
        where = {name: weights.data_ptr() for name, weights in model.named_parameters()}
        assert use_onednn(model)
        assert_same(model(ids).logits, before, tolerance=1e-5)
    assert where == {name: weights.data_ptr() for name, weights in model.named_parameters()}
    assert not any(type(module) is nn.Linear for module in model.modules())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "onednn"),
    # Without, one of each class of products: all tests of the engine in all families are without.
    [*((name, True) for name in CONFIGS), ("llama-gqa", False), ("gpt2", False)],
)
def test_the_engine_is_exact_with_either_kernels(name, onednn, avx512, monkeypatch):
    monkeypatch.setattr(torch.backends.mkldnn, "enabled", onednn)
    answers, nll = found_by(ReferenceEngine(), tiny_model(name))
    model = tiny_model(name)
    assert use_onednn(model) == onednn
    found, measured = found_by(FastEngine(), model)
    assert found == answers
    assert measured == pytest.approx(nll, rel=1e-5)


def found_by(engine, model):
    """Answers, and sums over a text, under some sets of heads."""
    head_sets = [(), (Head(0, 1), Head(1, 0)), (Head(1, 2),)]
    prompts, text = random_ids(12, 3, seed=5), random_ids(30, seed=6)[0]
    answered = engine.answers(model, Words(), prompts, head_sets, ZeroAblation(), Drafts())
    texts = ((places, [one.text for one in given]) for places, given in answered)
    answers = {place: given for places, given in texts for place in places}
    measured = engine.perplexities(model, text, head_sets, ZeroAblation(), window=16)
    return answers, {one.members: one.measure().nll for one in measured}


class Words:
    """A tokenizer whose words are numbers."""

    def batch_decode(self, rows, skip_special_tokens):
        return [" ".join(str(int(token)) for token in row) for row in rows]


def test_other_dtypes_and_processors_are_left_to_torch(avx512, monkeypatch, llama):
    assert not use_onednn(llama.to(torch.bfloat16))
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX2")
    llama = tiny_model("llama-gqa")
    assert not use_onednn(llama)
    assert not any(isinstance(module, OneDnnLinear) for module in llama.modules())
