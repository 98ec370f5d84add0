"""Perplexities of a text under many sets of ablated heads."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor

from ablation.ablator import AblationNotApplied
from ablation.engine import ACTIVATION_MIB
from ablation.engine.head_sets import HeadSet, HeadSetTree
from ablation.engine.walk import Branch, HeadSetWalk
from ablation.hooks.sites import HeadSites, head_sites
from ablation.metrics.measured_perplexity import (
    Window,
    check_model,
    perplexity_of,
    token_nll,
    windows,
)
from ablation.metrics.perplexity import Bos, Perplexity
from ablation.modes import Scope
from ablation.modes.protocol import Ablation
from ablation.modes.zero import ZeroAblation
from ablation.passes.known_tokens import check_known
from ablation.passes.layerwise import LayerwisePass
from ablation.passes.token_tree import TokenTree


@dataclass(frozen=True)
class Measurement:
    """A perplexity that is measured when it is asked for.

    Attributes:
        members: the places in the list of sets where this set of heads stands.
        measure: measures it; to be called, if at all, before the next measurement is taken.
    """

    members: tuple[int, ...]
    measure: Callable[[], Perplexity]


def perplexities(
    model: Any,
    ids: Int[Tensor, " tokens"],
    head_sets: Sequence[HeadSet],
    ablation: Ablation = ZeroAblation(),
    *,
    window: int,
    bos: Bos | None = None,
    activation_bytes: int = ACTIVATION_MIB << 20,
) -> Iterator[Measurement]:
    """Gives the perplexity of ``ids`` under every different set of heads, in an order of its own.

    Equal to ``metrics.perplexity.perplexity`` under a ``HeadAblator``, up to the rounding of
    sums; layers that sets have in common run once for all of them.

    Args:
        model: a causal language model of transformers in evaluation mode.
        ids: token ids of the whole text.
        head_sets: the heads that are ablated together, for each measurement.
        ablation: what takes the place of z, at all positions.
        window: tokens per window, at most the model's context.
        bos: what windows begin with; nothing but the text without it.
        activation_bytes: what the streams that sets have in common may take. Where all windows
            take more, the first ones, at least one, share layers as far as that reaches; the others
            go through all layers for every set.

    Raises:
        InvalidInput: a head is out of range or listed twice, or as ``perplexity``.
        AblationNotApplied: the scope is not ``Scope.ALL``.
        ComputationError: an NLL is not finite.
    """
    check_model(model, window)
    if ablation.scope is not Scope.ALL:
        raise AblationNotApplied(
            f"scope {ablation.scope!s} reaches no forward pass without a cache, and a perplexity "
            f"is made of such: use scope {Scope.ALL!s}"
        )
    sites = head_sites(model)
    parts = windows(ids, window, bos)
    check_known(model, [part.ids.tolist() for part in parts])
    per_token = _bytes_per_token(model, sites, head_sets, ablation)
    ends = itertools.accumulate(part.ids.numel() for part in parts)
    fit = max(1, sum(end * per_token <= activation_bytes for end in ends))

    def measure(branch: Branch) -> Perplexity:
        heads = head_sets[branch.members[0]]
        apart = (
            outcome
            for part in parts[fit:]
            for alone in _branches(sites, [part], [heads], ablation)
            for outcome in alone.outcomes()
        )
        outcomes = itertools.chain(branch.outcomes(), apart)
        return perplexity_of(
            token_nll(model, outcome.hidden[0, part.given - 1 : -1], part.ids[part.given :])
            for part, outcome in zip(parts, outcomes, strict=True)
        )

    for branch in _branches(sites, parts[:fit], head_sets, ablation):
        yield Measurement(branch.members, partial(measure, branch))


def _bytes_per_token(
    model: Any, sites: HeadSites, head_sets: Sequence[HeadSet], ablation: Ablation
) -> float:
    """What a token takes in the streams that wait: in the embedded text and at every fork."""
    hidden = model.config.hidden_size
    width = max(site.projection_width for site in sites.layers)
    if ablation.reads_attention:
        width *= 2  # z, and what takes its place
    forks = HeadSetTree(sites.grid, head_sets).streams_held() / 2
    return model.dtype.itemsize * (hidden + forks * (hidden + width))


def _branches(
    sites: HeadSites, parts: Sequence[Window], head_sets: Sequence[HeadSet], ablation: Ablation
) -> Iterator[Branch]:
    with torch.inference_mode():
        passes = [LayerwisePass(sites, TokenTree([part.ids.tolist()])) for part in parts]
    return HeadSetWalk(sites, passes, head_sets, ablation).branches()
