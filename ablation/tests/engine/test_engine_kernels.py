"""The fast engine on a model however it was loaded: eager, or with a kernel that takes no mask."""

import sys

import pytest
import torch
from transformers import AttentionInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import AttentionMaskInterface, flash_attention_mask

from ablation.engine.sweep import perplexities
from ablation.hooks.attention import SDPA, kernel_for
from ablation.modes import Scope
from ablation.modes.redirected import UniformAllAblation
from ablation.passes.positions import span_limits
from ablation.tests.engine.answering import (
    HEADS,
    MODES,
    ablation_of,
    answered,
    expected,
)
from ablation.tests.support.tiny_models import (
    CONFIGS,
    allows,
    model_class,
    random_ids,
    tiny_model,
)

MASKLESS = "maskless"
SETS = [(), (HEADS[1],), tuple(HEADS[2:9])]


def _maskless(module, query, key, value, attention_mask, sliding_window=None, **kwargs):
    """As flash attention: causal, within a window, and without a mask of anybody's making."""
    assert attention_mask is None
    keys = torch.arange(key.shape[2])
    at = torch.arange(query.shape[2])[:, None] + key.shape[2] - query.shape[2]
    visible = keys <= at
    if sliding_window is not None:
        visible &= keys > at - sliding_window
    return sdpa_attention_forward(module, query, key, value, visible[None, None], **kwargs)


AttentionInterface.register(MASKLESS, _maskless)
AttentionMaskInterface.register(MASKLESS, flash_attention_mask)


@pytest.mark.parametrize(
    ("name", "kernel"),
    [
        (name, kernel)
        for name in CONFIGS
        for kernel in ("eager", MASKLESS)
        if kernel_for(model_class(name)) == SDPA
        # Those of others are no matter of the engine's.
        and hasattr(sys.modules[model_class(name).__module__], "eager_attention_forward")
    ],
)
def test_answers_are_those_of_generate_with_every_kernel(name, kernel):
    model, prompts = tiny_model(name), random_ids(30, 3)
    model.set_attn_implementation(kernel)
    prompts[:, :19] = prompts[0, :19].clone()
    # The mode that is made of masks, where it may be had; sets of heads share their first layers.
    mode = "uniform-causal" if allows(name, "uniform-causal") else "mean"
    ablation = ablation_of(mode, Scope.ALL, model, prompts)
    wanted = expected(model, prompts, SETS[1:], ablation)
    assert answered(model, prompts, SETS[1:], ablation) == wanted
    assert model.config._attn_implementation == kernel


LONGER = 30
WINDOWED = [name for name in CONFIGS if any(at < LONGER for at in span_limits(CONFIGS[name]()))]


@pytest.mark.parametrize("scope", list(Scope))
@pytest.mark.parametrize(
    ("name", "mode"),
    [(name, mode) for name in WINDOWED for mode in sorted(MODES) if allows(name, mode)],
)
def test_answers_to_prompts_longer_than_a_window(name, mode, scope):
    model, prompts = tiny_model(name), random_ids(LONGER, 3)
    prompts[1:, :21] = prompts[0, :21].clone()
    ablation = ablation_of(mode, scope, model, prompts)
    wanted = expected(model, prompts, SETS, ablation)
    assert answered(model, prompts, SETS, ablation) == wanted


@pytest.mark.slow
@pytest.mark.parametrize("scope", list(Scope))
@pytest.mark.parametrize(
    ("name", "mode"),
    [
        (name, mode)
        for name in CONFIGS
        for mode in sorted(MODES)
        if name not in WINDOWED and allows(name, mode)
    ],
)
def test_answers_in_every_mode_and_scope(name, mode, scope):
    model, prompts = tiny_model(name), random_ids(16, 2)
    prompts[1:, :9] = prompts[0, :9].clone()
    ablation = ablation_of(mode, scope, model, prompts)
    wanted = expected(model, prompts, SETS[1:], ablation)
    assert answered(model, prompts, SETS[1:], ablation) == wanted


@pytest.mark.slow
@pytest.mark.parametrize(("rows", "spare"), [(4, 1.1), (256, 99.0)])
@pytest.mark.parametrize("name", CONFIGS)
def test_answers_where_the_kernel_is_given_pieces_or_all_at_once(name, rows, spare, monkeypatch):
    monkeypatch.setattr("ablation.passes.bundles.ROWS", rows)
    monkeypatch.setattr("ablation.passes.bundles.SPARE", spare)
    model, prompts = tiny_model(name), random_ids(LONGER, 3)
    prompts[1:, :9] = prompts[0, :9].clone()
    mode = "uniform-causal" if allows(name, "uniform-causal") else "zero"
    ablation = ablation_of(mode, Scope.ALL, model, prompts)
    wanted = expected(model, prompts, SETS, ablation)
    assert answered(model, prompts, SETS, ablation) == wanted


@pytest.mark.parametrize("kernel", ["eager", MASKLESS])
def test_perplexities_are_the_same_with_every_kernel(kernel):
    ids = random_ids(40)[0]
    found = []
    for name in ("sdpa", kernel):
        model = tiny_model("mistral-window")
        model.set_attn_implementation(name)
        measured = perplexities(model, ids, SETS, UniformAllAblation(), window=40)
        found.append({it.members: it.measure().value for it in measured})
    assert found[1] == pytest.approx(found[0], rel=1e-5)
