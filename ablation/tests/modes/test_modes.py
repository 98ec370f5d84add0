"""Every mode in every scope on every architecture, against attention that is written out."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
import torch

from ablation.ablator import AblationNotApplied, HeadAblator
from ablation.errors import InvalidInput
from ablation.heads import Head
from ablation.hooks.attention import observe_attention
from ablation.hooks.capture import capture_z
from ablation.hooks.sites import head_sites
from ablation.modes import Scope
from ablation.modes.mean import MeanAblation
from ablation.modes.protocol import Ablation
from ablation.modes.redirected import BosAblation, UniformAllAblation, UniformCausalAblation
from ablation.modes.resample import ResampleAblation, resample_ablation
from ablation.modes.zero import ZeroAblation
from ablation.passes.prompt_means import mean_ablation_of_prompts
from ablation.tests.support.given_attention import values_and_visible
from ablation.tests.support.tiny_models import (
    CONFIGS,
    LAYERS,
    allows,
    random_ids,
    tiny_model,
)
from ablation.tests.support.tolerances import assert_same

PROMPT, FED = 20, 3
"""Tokens of prefill, more than the window of ``mistral-window``, and of decoding after it."""

LAYER, HEADS = 1, 4
ABLATED = [Head(LAYER, 1), Head(LAYER, 3)]
ROWS = random_ids(PROMPT + FED, rows=2)
OTHERS = random_ids(PROMPT, rows=3, seed=9).tolist()

model_of = cache(tiny_model)

MODES: dict[str, Callable[[Any], Any]] = {
    "zero": lambda model: ZeroAblation(),
    "mean": lambda model: mean_ablation_of_prompts(model, OTHERS),
    "mean-by-position": lambda model: mean_ablation_of_prompts(model, OTHERS, by_position=True),
    "resample": lambda model: resample_ablation([*ROWS[:, :PROMPT].tolist(), OTHERS[0]]),
    "uniform-causal": lambda model: UniformCausalAblation(),
    "uniform-all": lambda model: UniformAllAblation(),
    "bos": lambda model: BosAblation(),
}


def z_of(model, ids):
    """z of a layer for one row, without a cache: ``(seq, heads, head_dim)``."""
    with capture_z(model, [LAYER]) as z, torch.no_grad():
        model(torch.tensor([ids]))
    return z[LAYER][0]


@cache
def plain_z_of(name, ids):
    """The same of the unablated model called ``name``."""
    return z_of(model_of(name), ids)


@cache
def given_to(name, ids):
    """Values of a layer and what its rows may see; what is ablated in it changes neither."""
    return values_and_visible(model_of(name), ids, LAYER)


def written_out(mode, name, ids, position):
    """What must stand in for z at a position: ``(heads, head_dim)``, computed the plain way."""
    model = model_of(name)
    if mode == "zero":
        return torch.zeros(HEADS, head_sites(model).layers[LAYER].head_dim)
    if mode in ("mean", "mean-by-position"):
        z = [plain_z_of(name, tuple(prompt)) for prompt in OTHERS]
        if mode == "mean" or position >= PROMPT:
            return torch.cat(z).mean(dim=0)
        return torch.stack([one[position] for one in z]).mean(dim=0)
    if mode == "resample":
        donors = resample_ablation([*ROWS[:, :PROMPT].tolist(), OTHERS[0]]).donors
        return plain_z_of(name, donors[ids[:PROMPT]])[min(position, PROMPT - 1)]
    values, visible = given_to(name, ids)
    sees = visible[position]
    if mode == "bos":
        return values[sees.int().argmax()]
    if mode == "uniform-all" and position < PROMPT:
        sees = torch.arange(len(ids)) < PROMPT
    return torch.einsum("s,shd->hd", sees / sees.sum(), values)


def is_ablated(scope, position):
    first = {Scope.ALL: 0, Scope.LAST: PROMPT - 1, Scope.DECODE: PROMPT}
    return position >= first[scope]


@pytest.mark.parametrize("scope", list(Scope))
@pytest.mark.parametrize(
    ("name", "mode"), [(name, mode) for name in CONFIGS for mode in MODES if allows(name, mode)]
)
def test_z_is_what_is_written_out_in_a_batch_and_in_cached_decoding(name, mode, scope):
    model = model_of(name)
    ablation = replace(MODES[mode](model), scope=scope).for_prompts(model, ROWS[:, :PROMPT])
    with HeadAblator(model, ABLATED, ablation), capture_z(model, [LAYER]) as z, torch.no_grad():
        cache = model(ROWS[:, :PROMPT], use_cache=True).past_key_values
        found = [z[LAYER]]
        for position in range(PROMPT, PROMPT + FED):
            model(ROWS[:, position : position + 1], past_key_values=cache)
            found.append(z[LAYER])
    ablated = torch.cat(found, dim=1)
    for row, ids in enumerate(map(tuple, ROWS.tolist())):
        expected = plain_z_of(name, ids).clone()
        for position in range(PROMPT + FED):
            if is_ablated(scope, position):
                instead = written_out(mode, name, ids, position)
                for head in ABLATED:
                    expected[position, head.head] = instead[head.head]
        assert_same(ablated[row], expected, tolerance=1e-5)


def test_what_a_family_cannot_have_is_refused_by_name():
    model = model_of("gpt-oss")
    with (
        pytest.raises(InvalidInput, match="bos ablation requires attention weights that sum to 1"),
        HeadAblator(model, ABLATED, BosAblation()),
    ):
        pass


@pytest.mark.parametrize("mode", MODES)
def test_rows_of_a_batch_have_their_own_heads_under_every_mode(llama, mode):
    prompts = ROWS[:, :PROMPT]
    ablation = MODES[mode](llama).for_prompts(llama, prompts)
    row_heads = [[Head(0, 2), Head(1, 0)], [Head(1, 3)]]
    with torch.no_grad():
        with HeadAblator.per_row(llama, row_heads, ablation):
            together = llama(prompts).logits
        for row, heads in enumerate(row_heads):
            alone = ablation.for_prompts(llama, prompts[row : row + 1])
            with HeadAblator(llama, heads, alone):
                assert_same(together[row], llama(prompts[row : row + 1]).logits[0])


@pytest.mark.parametrize("mode", ["uniform-causal", "bos"])
def test_padding_on_the_left_is_neither_averaged_nor_redirected_to(llama, mode):
    ids, pad = random_ids(9), torch.zeros(1, 4, dtype=torch.long)
    mask = torch.cat([pad, torch.ones_like(ids)], dim=1)
    positions = torch.cat([pad, torch.arange(9)[None]], dim=1)
    with HeadAblator(llama, ABLATED, MODES[mode](llama)), torch.no_grad():
        alone = llama(ids).logits
        padded = llama(
            torch.cat([pad, ids], dim=1), attention_mask=mask, position_ids=positions
        ).logits
    assert_same(padded[:, 4:], alone)


def test_no_uniform_mode_silences_a_head(llama):
    plain = z_of(llama, ROWS[0].tolist()).norm(dim=-1).mean()
    for mode in ("uniform-causal", "uniform-all", "bos"):
        with HeadAblator(llama, ABLATED, MODES[mode](llama)):
            left = z_of(llama, ROWS[0].tolist())[:, [1, 3]].norm(dim=-1).mean()
        assert left > 0.3 * plain


def test_modes_are_described_by_mode_site_scope_and_bias(llama):
    for mode, make in MODES.items():
        ablation = replace(make(llama), scope=Scope.LAST)
        assert isinstance(ablation, Ablation)
        described = ablation.describe()
        name = mode.replace("-", "_")
        assert (described["mode"], described["site"], described["scope"]) == (name, "z", "last")
        assert described["bias"] == ("remove" if mode == "zero" else "keep")
    by_position, overall = (MODES[mode](llama).describe() for mode in ("mean-by-position", "mean"))
    assert by_position["mean_of"].startswith("3 prompts, by position, sha256 ")
    assert overall["mean_of"].startswith("3 prompts, sha256 ")


def test_the_means_of_prompts_are_not_computed_before_they_are_wanted(llama):
    runs = []
    handle = llama.register_forward_pre_hook(lambda *call: runs.append(call))
    base = llama.base_model.register_forward_pre_hook(lambda *call: runs.append(call))
    ablation = MODES["mean"](llama)
    ablation.describe()
    assert not runs
    assert len(ablation.means) == LAYERS
    assert runs
    handle.remove()
    base.remove()


def test_attention_is_left_as_it_was_whatever_happens(llama):
    with pytest.raises(KeyError), HeadAblator(llama, ABLATED, BosAblation()):
        raise KeyError
    assert llama.config._attn_implementation == "sdpa"
    assert not llama.base_model._forward_pre_hooks


def test_two_ablators_with_other_weights_nest(llama):
    ids = random_ids(9)
    with torch.no_grad():
        with HeadAblator(llama, [Head(0, 1)], UniformCausalAblation()):
            with HeadAblator(llama, [Head(1, 2)], BosAblation()):
                both = llama(ids).logits
            once = llama(ids).logits
        with HeadAblator(llama, [Head(0, 1)], UniformCausalAblation()):
            assert torch.equal(llama(ids).logits, once)
            with HeadAblator(llama, [Head(1, 2)], BosAblation()):
                assert torch.equal(llama(ids).logits, both)
    assert not torch.equal(both, once)


def test_an_attention_that_is_bent_is_refused(llama):
    attention = llama.model.layers[0].self_attn
    own = attention.forward
    attention.forward = lambda *args, **kwargs: own(*args, softcap=3.0, **kwargs)
    with (
        pytest.raises(InvalidInput, match="computes attention with softcap, which can"),
        observe_attention(llama, lambda call: None),
        torch.no_grad(),
    ):
        llama(random_ids(5))


def test_decode_scope_without_a_cache_raises_under_every_mode(llama):
    for make in MODES.values():
        ablation = replace(make(llama), scope=Scope.DECODE).for_prompts(llama, ROWS[:, :PROMPT])
        with (
            pytest.raises(AblationNotApplied, match="no forward pass of scope decode"),
            HeadAblator(llama, ABLATED, ablation),
            torch.no_grad(),
        ):
            llama(ROWS[:, :PROMPT])


def test_resampling_pairs_every_prompt_with_another_of_its_length():
    prompts = [*random_ids(8, 5).tolist(), *random_ids(9, 2).tolist()]
    ablation = resample_ablation(prompts)
    donors = ablation.donors
    assert sorted(donors) == sorted(donors.values()) == sorted(map(tuple, prompts))
    for prompt, donor in donors.items():
        assert prompt != donor
        assert len(prompt) == len(donor)
    assert resample_ablation(prompts).donors == donors
    assert resample_ablation(prompts, seed=43).donors != donors
    with pytest.raises(InvalidInput, match="two different prompts of 3 tokens, got one"):
        resample_ablation([*prompts, [1, 2, 3], [1, 2, 3]])


def test_resampling_needs_to_know_the_prompts(llama):
    ablation = resample_ablation(OTHERS)
    with pytest.raises(InvalidInput, match="has not been told which: use for_prompts"):
        HeadAblator(llama, ABLATED, ablation).__enter__()
    with pytest.raises(InvalidInput, match="row 0 holds a prompt that was not paired"):
        ablation.for_prompts(llama, ROWS[:, :PROMPT])
    assert not llama.base_model._forward_pre_hooks
    assert isinstance(ablation, ResampleAblation)


def test_means_of_prompts_that_cannot_be_are_refused(llama):
    with pytest.raises(InvalidInput, match="requires at least one, got none"):
        mean_ablation_of_prompts(llama, [])
    with pytest.raises(InvalidInput, match="prompts of one length, got 2 to 3"):
        mean_ablation_of_prompts(llama, [[1, 2, 3], [1, 2]], by_position=True)
    with pytest.raises(InvalidInput, match="means of layer 1 with 32 values are required"):
        HeadAblator(llama, ABLATED, MeanAblation([torch.zeros(1, 4, 8)], "one")).__enter__()
