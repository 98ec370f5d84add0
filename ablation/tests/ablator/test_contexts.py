"""An ablator's context: what it leaves behind, and what it does not let pass."""

import pytest
import torch
from torch import nn

from ablation.ablator import AblationNotApplied, HeadAblator
from ablation.heads import Head
from ablation.modes import BiasPolicy
from ablation.modes.zero import ZeroAblation
from ablation.tests.support.tiny_models import (
    random_ids,
    tiny_model,
)

HEADS = [Head(0, 1), Head(1, 0), Head(1, 3), Head(2, 2)]
KEEP = ZeroAblation(bias=BiasPolicy.KEEP)


def logits(model, ids):
    with torch.no_grad():
        return model(ids).logits


def hooks_of(model):
    return [
        hook
        for module in model.modules()
        for hook in (*module._forward_pre_hooks.values(), *module._forward_hooks.values())
    ]


def test_nothing_remains_after_the_context_or_an_exception(model):
    ids = random_ids(9)
    before = logits(model, ids)
    with HeadAblator(model, HEADS):
        logits(model, ids)
    with pytest.raises(KeyError), HeadAblator(model, HEADS):
        raise KeyError
    assert hooks_of(model) == []
    assert torch.equal(logits(model, ids), before)


def test_hooks_of_others_stay(llama):
    handle = llama.base_model.layers[0].self_attn.o_proj.register_forward_pre_hook(
        lambda module, args: None
    )
    with HeadAblator(llama, HEADS):
        logits(llama, random_ids(9))
    assert len(hooks_of(llama)) == 1
    handle.remove()


def test_ablators_nest(llama):
    ids = random_ids(9)
    with HeadAblator(llama, HEADS):
        together = logits(llama, ids)
    with HeadAblator(llama, HEADS[:2]):
        with HeadAblator(llama, HEADS[2:]):
            nested = logits(llama, ids)
        with HeadAblator(llama, HEADS[:2]):
            inner_gone = logits(llama, ids)
    with HeadAblator(llama, HEADS[:2]):
        outer = logits(llama, ids)
    assert torch.equal(nested, together)
    assert torch.equal(inner_gone, outer)


def test_a_value_bias_is_measured_under_an_open_ablator_that_has_run():
    model, ids = tiny_model("gpt2"), random_ids(9, rows=2)
    with HeadAblator(model, HEADS[:1]), HeadAblator(model, HEADS[1:], KEEP):
        expected = logits(model, ids)
    with HeadAblator.per_row(model, [HEADS[:1]] * 2):
        logits(model, ids)
        with HeadAblator(model, HEADS[1:], KEEP):
            assert torch.equal(logits(model, ids), expected)


def test_inputs_are_not_edited_in_place(llama):
    projection = llama.base_model.layers[1].self_attn.o_proj
    seen = []
    handle = projection.register_forward_pre_hook(lambda module, args: seen.append(args[0]))
    copies = []
    second = projection.register_forward_pre_hook(
        lambda module, args: copies.append(args[0].clone())
    )
    with HeadAblator(llama, [Head(1, 1)]):
        logits(llama, random_ids(9))
    handle.remove()
    second.remove()
    assert torch.equal(seen[0], copies[0])


class Bypass(nn.Module):
    """Stands for a fused kernel that reads the weight without calling the module."""

    def __init__(self, projection):
        super().__init__()
        self.projection = projection
        self.in_features = projection.in_features

    def forward(self, z):
        return nn.functional.linear(z, self.projection.weight)


def test_a_bypassed_projection_is_an_error_not_a_figure(llama):
    attention = llama.base_model.layers[1].self_attn
    ablator = HeadAblator(llama, HEADS)
    attention.o_proj = Bypass(attention.o_proj)
    with pytest.raises(AblationNotApplied, match="the hooks fired"), ablator:
        logits(llama, random_ids(9))


def test_a_context_in_which_the_model_never_ran_is_an_error(llama):
    with pytest.raises(AblationNotApplied, match="no forward pass"), HeadAblator(llama, HEADS):
        pass


def test_an_ablator_cannot_be_opened_twice_at_once(llama):
    with HeadAblator(llama, HEADS) as ablator:
        logits(llama, random_ids(9))
        with pytest.raises(RuntimeError, match="already open"), ablator:
            pass
    with ablator:
        logits(llama, random_ids(9))
