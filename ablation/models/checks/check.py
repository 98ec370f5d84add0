"""A check of a model before its first figure: do its heads add up, do all ways to run it agree?

A family's row says where its heads are; nothing but the model itself says whether that is so for
these weights, this version of transformers and what others have done to the model. So it is tried
on a few random tokens, and a figure that is off stops the run.
"""

from collections.abc import Callable, Iterator
from functools import partial
from math import isnan
from typing import Any

import torch

from ablation.errors import ComputationError, first_line
from ablation.heads import Head
from ablation.hooks.sites import HeadSites, head_sites, is_told_where
from ablation.models.checks.deviation import Checked
from ablation.models.checks.heads import one_zeroed, parts_of_attention, without_queries
from ablation.models.checks.prompts import (
    TOKENS,
    lengths_past_limits,
    longest_tried,
    random_prompts,
)
from ablation.models.checks.runs import decoded, drafted, layer_by_layer

CAUSES = (
    "an adapter on a projection, a patched forward, or a version of transformers that computes "
    "this family otherwise"
)


CAUSES_OF_A_SITE = (
    "--site names other modules than those of its heads, or attention is code of its own, which "
    "--site cannot say; or the model has " + CAUSES
)

_BREAKS_OFF = (RuntimeError, TypeError, AttributeError, ValueError, LookupError)
"""What a model that is built otherwise may raise; our own errors are among these kinds."""


def check_heads(model: Any, *, engine: bool = True) -> list[Checked]:
    """Tries on random tokens that the heads of ``model`` are what the ablator takes them for.

    The attention of every layer is the sum of its heads' parts; zeroing a head takes its part away
    and nothing else; a head whose queries are zero attends uniformly. Where the fast engine runs
    the model, the layers one by one give the logits of the whole, and drafted answers are those of
    ``generate``; elsewhere tokens decoded on top of a cache are those that the whole text says come
    next. That past every sliding window, chunk and original context, too, but for those of
    ``untried_limits``.

    Raises:
        ComputationError: something is off: with the layer, by how much, and what that may mean.
    """
    sites = head_sites(model)
    causes = CAUSES_OF_A_SITE if is_told_where(model) else CAUSES
    found = []
    for check in _checks(model, sites, engine):
        try:
            results = check()
        except torch.OutOfMemoryError as error:
            raise ComputationError(
                f"the check of {type(model).__name__} before its first figure ran out of memory "
                f"({first_line(error)}): give it a device with more, or --device auto"
            ) from error
        except _BREAKS_OFF as error:
            raise ComputationError(
                f"the check of {type(model).__name__} before its first figure broke off "
                f"({first_line(error)}): {causes}"
            ) from error
        for one in results:
            if isnan(one.deviation):
                raise ComputationError(
                    f"{type(model).__name__} computes NaN on a few random tokens ({one.what}): "
                    "try --dtype float32, or fetch the weights again"
                )
            if one.deviation > (bound := one.bound(model.dtype)):
                raise ComputationError(
                    f"the check of {type(model).__name__} before its first figure failed: "
                    f"{one.what} differ by {one.deviation:.1e} of the largest value, where "
                    f"{bound:g} is allowed: {causes}"
                )
        found += results
    return found


def _checks(model: Any, sites: HeadSites, engine: bool) -> Iterator[Callable[[], list[Checked]]]:
    ids, layers = random_prompts(model, TOKENS), sites.grid.layers
    yield partial(parts_of_attention, model, sites, ids)
    for layer in sorted({0, layers // 2, layers - 1}):
        yield partial(one_zeroed, model, sites, ids, Head(layer, sites.layers[layer].heads - 1))
    if sites.family.averages_values:
        for layer in _layers_of_each_kind(model, layers):
            yield partial(without_queries, model, ids, Head(layer, 0))
    for length in (TOKENS, *lengths_past_limits(model, longest_tried(model))):
        prompts = random_prompts(model, length)
        if engine:
            yield partial(layer_by_layer, model, sites, prompts)
            yield partial(drafted, model, sites, prompts)
        else:
            yield partial(decoded, model, sites, prompts)


def _layers_of_each_kind(model: Any, layers: int) -> list[int]:
    """The middle one, and the first of each kind: with a window and without, say."""
    config = model.config
    named = ("layer_types", "attention_layers")  # the latter is GPT-Neo's
    kinds: list[str] = next(filter(None, (getattr(config, name, None) for name in named)), [])
    return sorted({layers // 2, *(kinds.index(kind) for kind in set(kinds[:layers]))})
