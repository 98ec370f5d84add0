"""Models on several devices: the same figures as on one, and where their parts go."""

import pytest
import torch
from accelerate import dispatch_model

from ablation.detection import GRADIENT, QRHEAD, SUMMED_ATTENTION, WU24
from ablation.detection.gradient import gradient_scores
from ablation.detection.methods import scores_of_prompts
from ablation.engine.sweep import perplexities
from ablation.errors import ComputationError, InvalidInput
from ablation.heads import Head
from ablation.hooks.sites import head_sites
from ablation.metrics.devices import devices_of, input_device, waits
from ablation.metrics.logits import use_fp32_logits
from ablation.models.checks.check import check_heads
from ablation.models.loading import load_model
from ablation.models.placement import device_map
from ablation.models.registry import AUTO, model_spec
from ablation.modes import Scope
from ablation.tests.detection.detection_prompts import Numbers, make_prompt
from ablation.tests.engine.answering import MODES, ablation_of, answered
from ablation.tests.support.other_device import OTHER, spread
from ablation.tests.support.tiny_models import (
    CONFIGS,
    LAYERS,
    random_ids,
    tiny_directory,
    tiny_model,
)
from ablation.tests.support.tolerances import assert_same

CPU = torch.device("cpu")
SETS = [(), (Head(0, 1),), (Head(LAYERS - 1, 2),), (Head(0, 0), Head(LAYERS - 1, 3))]
SUMS = 1e-5
"""fp32; on one machine the sums are the same, and some kernels ask where a tensor is."""


@pytest.mark.parametrize("name", CONFIGS)
def test_a_model_on_two_devices_passes_the_check(name):
    with spread(tiny_model(name)) as model:
        assert devices_of(model) == [CPU, OTHER]
        assert input_device(model) == CPU
        check_heads(model)


def test_tensors_of_two_devices_may_not_meet():
    with spread(tiny_model("llama-gqa")) as model:
        weight = head_sites(model).output_weight(LAYERS - 1)
        assert weight.device == OTHER
        with pytest.raises(RuntimeError, match="two devices"):
            weight + torch.ones(weight.shape)


IN_SCOPES = [("mean", Scope.DECODE), ("uniform-causal", Scope.LAST)]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "mode", "scope"),
    [
        *(("llama-gqa", mode, Scope.ALL) for mode in MODES),
        *(("llama-gqa", *given) for given in IN_SCOPES),
        # What a mode makes lies where z lies, in every family: three ways of making it will do.
        *(
            (name, *given)
            for name in ("gpt2", "gemma2", "gpt-neo")
            for given in (("zero-keep-bias", Scope.ALL), *IN_SCOPES)
        ),
    ],
)
def test_answers_are_those_of_one_device(name, mode, scope):
    prompts = random_ids(30, rows=3, seed=5)
    prompts[1, :12] = prompts[0, :12]
    one, two = tiny_model(name), tiny_model(name)
    expected = answered(one, prompts, SETS, ablation_of(mode, scope, one, prompts))
    with spread(two):
        found = answered(two, prompts, SETS, ablation_of(mode, scope, two, prompts), rows=4)
    assert found == expected


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["zero", "zero-keep-bias", "mean", "uniform-causal"])
@pytest.mark.parametrize("name", ["llama-gqa", "gpt2", "gemma2"])
def test_perplexities_are_those_of_one_device(name, mode):
    ids = random_ids(70)[0]

    def measured(model):
        ablation = ablation_of(mode, Scope.ALL, model, ids[None])
        return {
            one.members: one.measure().value
            for one in perplexities(model, ids, SETS, ablation, window=30)
        }

    expected = measured(tiny_model(name))
    with spread(tiny_model(name)) as model:
        assert measured(model) == pytest.approx(expected, rel=SUMS)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["llama-gqa", "gpt2", "gemma2"])
def test_heads_are_scored_as_on_one_device(name):
    methods = [QRHEAD, SUMMED_ATTENTION, WU24, GRADIENT]
    prompts = [make_prompt(seed) for seed in (3, 4)]

    def scored(model):
        of_each = [methods] * len(prompts)
        return dict(scores_of_prompts(model, Numbers(), prompts, of_each))

    expected = scored(tiny_model(name))
    with spread(tiny_model(name)) as model:
        found = scored(model)
    for place, scores in expected.items():
        for method, of_heads in scores.items():
            if of_heads is None:
                assert found[place][method] is None
            else:
                assert_same(found[place][method], of_heads, SUMS)


def test_logits_are_fp32_wherever_the_embedding_is():
    model = tiny_model("llama-gqa").to(torch.bfloat16)
    use_fp32_logits(model)
    with spread(model), torch.inference_mode():
        assert model(input_ids=random_ids(5)).logits.dtype is torch.float32


@pytest.fixture
def waiting(tmp_path):
    """A model of which a layer and the output embedding have no values until they run."""

    def put(name):
        model = tiny_model(name).requires_grad_(False)  # as models are loaded
        layers = [f"model.layers.{layer}" for layer in range(LAYERS)]
        places = dict.fromkeys([*layers, "model.embed_tokens", "model.norm", "lm_head"], "cpu")
        places |= dict.fromkeys([layers[-1], "lm_head"], "disk")
        rotary = {"model.rotary_emb": "cpu"} if hasattr(model.model, "rotary_emb") else {}
        return dispatch_model(model, places | rotary, offload_dir=str(tmp_path))

    return put


@pytest.mark.parametrize("name", ["llama-gqa", "mistral-window"])
def test_weights_may_wait_elsewhere(name, waiting):
    plain, model = tiny_model(name), waiting(name)
    assert head_sites(model).layers[-1].projection.weight.device.type == "meta"
    assert devices_of(model) == [CPU]
    check_heads(model)
    prompts, ablation = random_ids(30, rows=2), MODES["zero"](model, None)
    assert answered(model, prompts, SETS, ablation) == answered(plain, prompts, SETS, ablation)
    for layer in range(LAYERS):
        found, expected = (head_sites(one).output_weight(layer) for one in (model, plain))
        assert torch.equal(found, expected)
    assert waits(model)
    assert not waits(plain)
    with pytest.raises(InvalidInput, match="gradient requires weights that stay"):
        gradient_scores(model, make_prompt())


def size_of(module):
    return sum(parameter.nbytes for parameter in module.parameters())


def test_layers_go_to_the_gpus_and_what_is_left_to_the_cpu():
    model = tiny_model("llama-gqa")
    block, embedded = size_of(model.model.layers[0]), size_of(model.model.embed_tokens)
    room = embedded + 2 * block
    places = device_map(model, {0: room, 1: room, "cpu": 10 * room})
    by_layer = [places.get(f"model.layers.{layer}") for layer in range(LAYERS)]
    assert places["model.embed_tokens"] == 0
    assert by_layer == sorted(by_layer, key=[0, 1, "cpu"].index)
    assert {0, 1} <= set(by_layer)
    assert set(device_map(model, {0: room, "cpu": 10 * room}).values()) == {0, "cpu"}


def test_what_fits_nowhere_is_refused():
    model = tiny_model("llama-gqa")
    with pytest.raises(ComputationError, match="of weights do not fit .* on cpu"):
        device_map(model, {0: 1000, "cpu": 1000})


def test_an_embedding_that_no_gpu_has_room_for_is_refused():
    model = tiny_model("llama-gqa")
    with pytest.raises(ComputationError, match="room for the input embedding"):
        device_map(model, {0: 1, "cpu": 10 * size_of(model)})


def test_auto_without_a_gpu_is_the_cpu(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    loaded = load_model(model_spec(str(tiny_directory(tmp_path / "tiny"))), device=AUTO)
    assert loaded.devices == [CPU]
    assert not hasattr(loaded.model, "hf_device_map")
