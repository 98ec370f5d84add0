"""Perplexities of the fast engine: those of the reference, and each layer run once where it may."""

from collections import Counter
from collections.abc import Callable
from functools import cache, partial
from typing import Any
from weakref import ref

import pytest
import torch

from ablation.ablator import AblationNotApplied, HeadAblator
from ablation.engine.head_sets import HeadSetTree
from ablation.engine.sweep import perplexities
from ablation.errors import ComputationError, InvalidInput
from ablation.heads import Head
from ablation.hooks.sites import head_sites
from ablation.metrics.measured_perplexity import perplexity
from ablation.metrics.perplexity import Bos
from ablation.modes import BiasPolicy, Scope
from ablation.modes.mean import mean_ablation
from ablation.modes.redirected import BosAblation, UniformAllAblation, UniformCausalAblation
from ablation.modes.zero import ZeroAblation
from ablation.passes.layerwise import LayerwisePass
from ablation.passes.prompt_means import mean_ablation_of_prompts
from ablation.tests.support.tiny_models import (
    CONFIGS,
    HIDDEN,
    LAYERS,
    allows,
    random_ids,
    tiny_model,
)

hypothesis = pytest.importorskip("hypothesis", reason="needs hypothesis: pip install -e '.[test]'")
st = pytest.importorskip("hypothesis.strategies")

SETTINGS = hypothesis.settings(deadline=None, derandomize=True, max_examples=25)

NUMERICAL = 1e-5  # relative; the same fp32 products, summed in another order
DECODE = ZeroAblation(scope=Scope.DECODE)
HEADS = [Head(layer, head) for layer in range(LAYERS) for head in range(4)]
model_of = cache(tiny_model)
BEGINNINGS = [None, *(Bos(ids, each) for ids in ((3,), (3, 5)) for each in (True, False))]
HEAD_SETS = st.lists(st.lists(st.sampled_from(HEADS), unique=True).map(tuple), max_size=8)


def measured(model, ids, head_sets, ablation, **options) -> dict[int, Any]:
    """Place in ``head_sets`` -> perplexity."""
    found = {}
    for measurement in perplexities(model, ids, head_sets, ablation, **options):
        value = measurement.measure()
        for member in measurement.members:
            assert member not in found
            found[member] = value
    return found


ABLATIONS: dict[str, Callable[[Any, Any], Any]] = {
    "zero": lambda model, ids: ZeroAblation(),
    "zero-keep-bias": lambda model, ids: ZeroAblation(bias=BiasPolicy.KEEP),
    "mean": lambda model, ids: mean_ablation(model, ids, window=16),
    "mean-by-position": lambda model, ids: mean_ablation_of_prompts(
        model, [ids[:12].tolist(), ids[4:16].tolist()], by_position=True
    ),
    "uniform-causal": lambda model, ids: UniformCausalAblation(),
    "uniform-all": lambda model, ids: UniformAllAblation(),
    "bos": lambda model, ids: BosAblation(),
}


@pytest.mark.slow
@hypothesis.given(
    name=st.sampled_from(sorted(CONFIGS)),
    head_sets=HEAD_SETS,
    kind=st.sampled_from(sorted(ABLATIONS)),
    tokens=st.integers(20, 60),
    window=st.integers(2, 20),
    bos=st.sampled_from(BEGINNINGS),
    activation_bytes=st.sampled_from([0, 1 << 14, 1 << 15, 1 << 30]),
)
@SETTINGS
def test_perplexities_are_those_of_the_reference(
    name, head_sets, kind, tokens, window, bos, activation_bytes
):
    hypothesis.assume(allows(name, kind) and not (bos and window <= 2 * len(bos.ids)))
    model, ids = model_of(name), random_ids(tokens)[0]
    ablation = ABLATIONS[kind](model, ids)
    found = measured(
        model, ids, head_sets, ablation, window=window, bos=bos, activation_bytes=activation_bytes
    )
    assert sorted(found) == list(range(len(head_sets)))
    for place, heads in enumerate(head_sets):
        with HeadAblator(model, heads, ablation):
            expected = perplexity(model, ids, window=window, bos=bos)
        assert found[place].block_counts == expected.block_counts
        for sums, known in zip(found[place].block_nll_sums, expected.block_nll_sums, strict=True):
            assert sums == pytest.approx(known, rel=NUMERICAL)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "kind"),
    [(name, kind) for name in CONFIGS for kind in sorted(ABLATIONS) if allows(name, kind)],
)
def test_perplexities_in_every_mode(name, kind):
    """In windows longer than those of attention."""
    model, ids = model_of(name), random_ids(50)[0]
    ablation = ABLATIONS[kind](model, ids)
    sets, bos = [(), (HEADS[1],), (HEADS[1], HEADS[4], HEADS[9])], Bos((3, 5), each=True)
    found = measured(model, ids, sets, ablation, window=34, bos=bos)
    for place, heads in enumerate(sets):
        with HeadAblator(model, heads, ablation):
            expected = perplexity(model, ids, window=34, bos=bos)
        assert found[place].window_counts == expected.window_counts == (32, 18)
        assert found[place].nll == pytest.approx(expected.nll, rel=NUMERICAL)


def layer_runs(model, compute) -> Counter:
    """How often the inner network of each layer ran."""
    runs: Counter = Counter()
    handles = [
        layer.mlp.register_forward_hook(lambda *args, number=number: runs.update([number]))
        for number, layer in enumerate(model.model.layers)
    ]
    try:
        compute()
    finally:
        for handle in handles:
            handle.remove()
    return runs


def test_a_sweep_runs_only_the_layers_that_a_head_can_reach(llama):
    sets = [(), *((head,) for head in HEADS)]
    ids = random_ids(30)[0]
    runs = layer_runs(llama, lambda: measured(llama, ids, sets, ZeroAblation(), window=30))
    # The unablated model once, and each of the four heads of a layer from that layer on.
    assert runs == {layer: 1 + 4 * (layer + 1) for layer in range(LAYERS)}


def test_nested_sets_share_the_layers_in_which_they_agree(llama):
    sets = [(Head(0, 1),), (Head(0, 1), Head(2, 0)), (Head(2, 3), Head(0, 1)), (Head(0, 1),)]
    ids = random_ids(30)[0]
    runs = layer_runs(llama, lambda: measured(llama, ids, sets, ZeroAblation(), window=30))
    assert runs == {0: 1, 1: 1, 2: 3}


@pytest.mark.slow
def test_windows_for_which_there_is_no_room_share_nothing(llama):
    sets, ids = [(head,) for head in HEADS], random_ids(30)[0]
    # Three windows of ten tokens; a token takes the embedding and what waits at a fork.
    per_token = 4 * 3 * HIDDEN
    for windows, activation_bytes in ((1, 0), (1, 19 * per_token), (2, 20 * per_token)):
        sweep = partial(
            measured, llama, ids, sets, ZeroAblation(), window=10, activation_bytes=activation_bytes
        )
        runs = layer_runs(llama, sweep)
        assert runs == {
            layer: windows * (4 * (layer + 1) + (layer < LAYERS - 1)) + (3 - windows) * len(sets)
            for layer in range(LAYERS)
        }


@pytest.mark.parametrize(
    ("head_sets", "held"),
    [
        ([], 0),
        ([(HEADS[0],), (HEADS[0],)], 0),
        ([(head,) for head in HEADS], 2),
        ([(Head(0, 0),), (Head(0, 0), Head(2, 0)), (Head(2, 1),), ()], 4),
    ],
    ids=["none", "alike", "singles", "forks-in-forks"],
)
def test_what_waits_at_once_is_known_before(llama, monkeypatch, head_sets, held):
    windows, most = 4, 0
    made: list[ref] = []

    def counted(method):
        def call(self, *args, **options):
            nonlocal most
            most = max(most, len({id(one()) for one in made} - {id(None)}))
            result = method(self, *args, **options)
            made.append(ref(result[0] if isinstance(result, tuple) else result))
            return result

        return call

    for name in ("attend", "finish", "through"):
        monkeypatch.setattr(LayerwisePass, name, counted(getattr(LayerwisePass, name)))
    measured(llama, random_ids(40)[0], head_sets, ZeroAblation(), window=10)
    assert HeadSetTree(head_sites(llama).grid, head_sets).streams_held() == held
    # And what one window holds that is on its way through a layer.
    assert most <= held * windows + 2


def test_what_is_not_asked_for_does_not_run(llama):
    ids = random_ids(30)[0]
    sets = [(head,) for head in HEADS if head.layer == 2]

    def measure_one():
        measurements = perplexities(llama, ids, sets, window=30)
        next(measurements).measure()
        assert len(list(measurements)) == 3

    assert layer_runs(llama, measure_one) == {0: 1, 1: 1, 2: 1}


@pytest.mark.parametrize("name", CONFIGS)
def test_the_model_is_left_as_it_was(name):
    model, ids = tiny_model(name), random_ids(30)[0]
    before = perplexity(model, ids, window=30)
    measured(model, ids, [(), (Head(1, 1),)], ZeroAblation(), window=30)
    for module in model.modules():
        assert "forward" not in vars(module)
        assert not module._forward_pre_hooks
        assert not module._forward_hooks
    assert perplexity(model, ids, window=30) == before


def test_an_attention_without_its_projection_is_an_error_and_no_figure(llama):
    llama.model.layers[1].self_attn.forward = lambda hidden_states, **kwargs: (hidden_states, None)
    with pytest.raises(AblationNotApplied, match="layer 1 ran without its output projection"):
        measured(llama, random_ids(9)[0], [(Head(1, 0),)], ZeroAblation(), window=9)


def test_a_layer_that_goes_around_its_attention_is_an_error_and_no_figure(llama):
    layer = llama.model.layers[1]
    attention = layer.self_attn.forward
    layer.forward = lambda hidden_states, **given: (
        hidden_states + attention(hidden_states=layer.input_layernorm(hidden_states), **given)[0]
    )
    with pytest.raises(AblationNotApplied, match="layer 1 called its attention 0 times"):
        measured(llama, random_ids(9)[0], [(Head(1, 0),)], ZeroAblation(), window=9)


def test_a_scope_that_reaches_no_window_is_an_error(llama):
    with pytest.raises(AblationNotApplied, match="scope decode reaches no forward pass"):
        measured(llama, random_ids(9)[0], [(Head(1, 0),)], DECODE, window=9)


@pytest.mark.parametrize("heads", [(Head(3, 0),), (Head(0, 4),), (Head(0, 1), Head(0, 1))], ids=str)
def test_heads_that_the_model_does_not_have_are_refused(llama, heads):
    with pytest.raises(InvalidInput):
        measured(llama, random_ids(9)[0], [heads], ZeroAblation(), window=9)


def test_an_nll_that_is_not_finite_is_an_error(llama):
    with torch.no_grad():
        llama.lm_head.weight.mul_(float("inf"))
    with pytest.raises(ComputationError, match="the NLL of window 0"):
        measured(llama, random_ids(9)[0], [()], ZeroAblation(), window=9)
