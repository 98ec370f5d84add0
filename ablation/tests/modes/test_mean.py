"""Mean ablation is exact, on every architecture of the table."""

import re

import pytest
import torch

from ablation.ablator import HeadAblator
from ablation.errors import InvalidInput
from ablation.heads import Head
from ablation.hooks.capture import capture_z
from ablation.hooks.sites import head_sites
from ablation.modes import Scope
from ablation.modes.mean import MeanAblation, mean_ablation, mean_z
from ablation.modes.protocol import Ablation
from ablation.modes.resample import resample_ablation
from ablation.passes.prompt_means import mean_ablation_of_prompts
from ablation.tests.support.tiny_models import LAYERS, random_ids
from ablation.tests.support.tolerances import assert_same

TEXT = random_ids(20, seed=3)[0]
HEADS = [Head(0, 1), Head(1, 0), Head(1, 3)]


def z_of(model, ids):
    with capture_z(model, range(LAYERS)) as z, torch.no_grad():
        model(ids)
    return z


def test_the_mean_is_over_all_positions_of_all_windows(model):
    means = mean_z(model, TEXT, window=8)
    parts = [z_of(model, part[None]) for part in TEXT.split(8)]
    for layer, mean in enumerate(means):
        whole = torch.cat([z[layer][0] for z in parts])
        assert len(whole) == 20
        assert_same(mean, whole.mean(0))


def test_what_is_the_models_own_is_not_taken_while_heads_are_ablated(llama):
    prompts = random_ids(9, rows=2)
    rows = prompts.tolist()

    def first_used_within(ablation: Ablation) -> None:
        with HeadAblator(llama, HEADS[:1]):
            known = ablation.for_prompts(llama, prompts)
            with HeadAblator(llama, HEADS[1:], known):
                llama(prompts)

    def mean_within() -> None:
        with HeadAblator(llama, HEADS[:1]):
            mean_z(llama, TEXT, window=8)

    means = mean_ablation_of_prompts(llama, rows)
    for refused in (
        mean_within,
        lambda: first_used_within(means),
        lambda: first_used_within(resample_ablation(rows)),
    ):
        with pytest.raises(InvalidInput, match="as it is are required, but its heads are being"):
            refused()
    assert len(means.means) == LAYERS  # of the model as it is
    first_used_within(means)


def test_z_becomes_the_mean_in_the_ablated_heads_and_stays_in_the_others(model):
    ablation, ids = mean_ablation(model, TEXT, window=20), random_ids(9, rows=2)
    with HeadAblator(model, HEADS[:1], ablation):
        z = z_of(model, ids)[0]
    assert_same(z[:, :, 1], ablation.means[0][0, 1].expand(2, 9, -1))
    others = [0, 2, 3]
    assert torch.equal(z[:, :, others], z_of(model, ids)[0][:, :, others])


def test_the_output_loses_exactly_what_departs_from_the_mean(model):
    ablation, ids = mean_ablation(model, TEXT, window=20), random_ids(9)
    mean = ablation.means[1][0, 2]  # before the outputs are looked at: it runs the model
    site = head_sites(model).layers[1]
    outputs = []
    handle = site.projection.register_forward_hook(lambda *call: outputs.append(call[-1]))
    z = z_of(model, ids)[1]
    with HeadAblator(model, [Head(1, 2)], ablation), torch.no_grad():
        model(ids)
    handle.remove()
    lost = (z[:, :, 2] - mean) @ head_sites(model).output_weight(1)[2]
    assert_same(outputs[1], outputs[0] - lost)
    assert lost.abs().max() > 0.01


def test_a_head_that_is_constant_is_not_changed(llama):
    with torch.no_grad():
        for layer in llama.base_model.layers:
            layer.self_attn.v_proj.weight.zero_()
            layer.self_attn.v_proj.bias = torch.nn.Parameter(torch.randn(16))
    ids = random_ids(9)
    with torch.no_grad():
        before = llama(ids).logits
        with HeadAblator(llama, HEADS, mean_ablation(llama, TEXT, window=20)):
            assert_same(llama(ids).logits, before)


def test_the_ablation_names_its_text_and_keeps_the_value_bias(llama):
    ablation = mean_ablation(llama, TEXT, window=8)
    assert isinstance(ablation, Ablation)
    described = ablation.describe()
    assert described.pop("mean_of").startswith("20 tokens in windows of 8, sha256 ")
    assert described == {"mode": "mean", "site": "z", "scope": "all", "bias": "keep"}
    assert MeanAblation((), "", scope=Scope.DECODE).describe()["scope"] == "decode"


def test_a_mean_of_each_position_is_a_mode_of_its_own(llama):
    rows = random_ids(9, rows=2).tolist()
    whole, each = (
        mean_ablation_of_prompts(llama, rows, by_position=by_position).describe()
        for by_position in (False, True)
    )
    assert (whole["mode"], each["mode"]) == ("mean", "mean_by_position")
    assert re.fullmatch("2 prompts, sha256 [0-9a-f]{64}", whole["mean_of"])
    assert each["mean_of"] == whole["mean_of"].replace("prompts", "prompts, by position")


def test_a_mean_is_described_without_running_the_model(llama, monkeypatch):
    def run_the_model(*_, **__):
        raise AssertionError("the model ran")

    monkeypatch.setattr(type(llama.base_model), "forward", run_the_model)
    ablation = mean_ablation(llama, TEXT, window=8)
    assert ablation.describe()["mode"] == "mean"
    with pytest.raises(AssertionError, match="the model ran"):
        ablation.means[0]


def test_means_of_another_model_are_refused(llama):
    ablation = mean_ablation(llama, TEXT, window=8)
    few = MeanAblation([ablation.means[0]], "other")
    with pytest.raises(InvalidInput, match="layer 1 with 32 values are required, got none"):
        HeadAblator(llama, [Head(1, 0)], few).__enter__()
    narrow = MeanAblation([ablation.means[layer][:, :, :4] for layer in range(LAYERS)], "other")
    with pytest.raises(InvalidInput, match=r"32 values are required, got \(4, 4\)"):
        HeadAblator(llama, [Head(1, 0)], narrow).__enter__()


def test_a_text_without_a_token_to_predict_is_refused(llama):
    for mean in (mean_z, mean_ablation):
        with pytest.raises(InvalidInput, match="at least 2 tokens of text, got 1"):
            mean(llama, TEXT[:1], window=8)
