"""Means over prompts are those of each prompt run alone, on every architecture of the table."""

import pytest
import torch

from ablation.errors import InvalidInput
from ablation.hooks.capture import capture_z
from ablation.passes.positions import span_limits
from ablation.passes.prompt_means import mean_ablation_of_prompts
from ablation.tests.passes.test_positions import LONGROPE, rotary
from ablation.tests.support.tiny_models import VOCAB, random_ids
from ablation.tests.support.tolerances import assert_same

LONG = 40
"""Longer than the window or chunk of the tiny models that have one; than some original contexts."""


def that_begin_alike(ends):
    """Prompts with a beginning in common, two of them with more; the last one is there twice."""
    prompts = [
        ids[:end] for ids, end in zip(random_ids(LONG, len(ends)).tolist(), ends, strict=True)
    ]
    for prompt in prompts[1:]:
        prompt[:15] = prompts[0][:15]
    prompts[2][:25] = prompts[1][:25]
    return [*prompts, prompts[-1]]


def z_of_each(model, prompts):
    """For each layer, z of each prompt run alone, ``(seq, heads, head_dim)``."""
    layers = range(model.config.num_hidden_layers)
    found: list[list[torch.Tensor]] = [[] for _ in layers]
    for prompt in prompts:
        with capture_z(model, layers) as z, torch.no_grad():
            model(torch.tensor([prompt]))
        for layer in layers:
            found[layer].append(z[layer][0])
    return found


def test_prompts_that_begin_alike_count_as_often_as_there_are(model):
    prompts = that_begin_alike([LONG, LONG - 3, LONG - 1, LONG - 8])
    found = mean_ablation_of_prompts(model, prompts).means
    for layer, z in enumerate(z_of_each(model, prompts)):
        assert_same(found[layer], torch.cat(z).mean(0, keepdim=True))


def test_each_position_has_a_mean_and_what_is_beyond_that_of_all(model):
    prompts = that_begin_alike([LONG] * 4)
    found = mean_ablation_of_prompts(model, prompts, by_position=True).means
    for layer, z in enumerate(z_of_each(model, prompts)):
        each = torch.stack(z).mean(0)
        assert_same(found[layer], torch.cat([each, each.mean(0, keepdim=True)]))


def test_what_prompts_begin_with_runs_once_where_there_is_room(llama):
    fed = []
    of_mlp = llama.base_model.layers[0].mlp.register_forward_hook(
        lambda module, args, output: fed.append(output.shape[1])
    )
    prompts = that_begin_alike([LONG] * 4)
    together, alone = (
        mean_ablation_of_prompts(llama, prompts, activation_bytes=room).means[1]
        for room in (1 << 30, 0)
    )
    of_mlp.remove()
    assert fed == [LONG + 2 * (LONG - 15) + (LONG - 25), *[LONG] * 5]
    assert_same(together, alone)


def test_prompts_run_alone_where_positions_change_with_the_length_of_a_pass():
    model, ids = rotary(**LONGROPE), random_ids(LONG)[0].tolist()
    (original,) = span_limits(model.config)
    prompts = [ids[: original - 5], ids]
    found = mean_ablation_of_prompts(model, prompts).means
    for layer, z in enumerate(z_of_each(model, prompts)):
        assert_same(found[layer], torch.cat(z).mean(0, keepdim=True))


def test_a_token_that_the_model_does_not_know_is_refused(llama):
    ablation = mean_ablation_of_prompts(llama, [[1, VOCAB]])
    with pytest.raises(InvalidInput, match=f"a text has token {VOCAB}"):
        ablation.means[0]
