"""Logits of a model in a narrower dtype are fp32, and the model's own."""

import pytest
import torch
from torch import nn

from ablation.errors import InvalidInput
from ablation.metrics import logits
from ablation.metrics.logits import logits_of, use_fp32_logits
from ablation.tests.support.tiny_models import CONFIGS, HIDDEN, random_ids, tiny_model
from ablation.tests.support.tolerances import assert_same

NARROW = (torch.bfloat16, torch.float16)


@pytest.mark.parametrize("dtype", NARROW, ids=str)
@pytest.mark.parametrize("name", sorted(CONFIGS))
def test_logits_are_those_of_the_same_weights_in_fp32(name, dtype, monkeypatch):
    monkeypatch.setattr(logits, "PIECE", 10 * HIDDEN)  # the vocabulary is no multiple of it
    narrow = tiny_model(name).to(dtype)
    wide = tiny_model(name)
    wide.load_state_dict({key: value.float() for key, value in narrow.state_dict().items()})
    hidden = torch.randn(2, 5, HIDDEN, generator=torch.Generator().manual_seed(3)).to(dtype)
    with torch.inference_mode():
        expected = logits_of(wide, hidden.float())
        rounded = logits_of(narrow, hidden)
        use_fp32_logits(narrow)
        found = logits_of(narrow, hidden)
        assert narrow(random_ids(4)).logits.dtype is torch.float32
    assert found.dtype is torch.float32
    assert_same(found, expected, tolerance=1e-5)
    assert not torch.allclose(rounded.float(), expected, rtol=0, atol=1e-5)


def test_a_bias_of_the_output_embedding_is_added():
    torch.manual_seed(0)
    embedding = nn.Linear(7, 11, bias=True).to(torch.bfloat16)
    states = torch.randn(2, 3, 7).to(torch.bfloat16)
    expected = nn.functional.linear(
        states.float(), embedding.weight.float(), embedding.bias.float()
    )
    embedding.__class__ = logits.Fp32Logits
    assert_same(embedding(states), expected)


def test_logits_in_fp32_have_a_gradient(model):
    use_fp32_logits(model.to(torch.bfloat16))
    hidden = torch.randn(1, 4, HIDDEN).to(torch.bfloat16).requires_grad_()
    logits_of(model, hidden).square().sum().backward()
    assert hidden.grad is not None
    assert hidden.grad.abs().sum() > 0


def test_a_model_in_fp32_stays_as_it_is(model):
    use_fp32_logits(model)
    assert type(model.get_output_embeddings()) is nn.Linear


def test_an_output_embedding_of_another_kind_is_refused(model):
    model.to(torch.bfloat16).set_output_embeddings(nn.Bilinear(HIDDEN, 1, 5, dtype=torch.bfloat16))
    with pytest.raises(InvalidInput, match="a linear layer is required .*, got a Bilinear: use"):
        use_fp32_logits(model)
