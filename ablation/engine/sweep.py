"""Perplexities of a text under many sets of ablated heads."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ablation.ablator import AblationNotApplied
from ablation.engine import ACTIVATION_MIB
from ablation.engine.head_set_tree import Branch, HeadSet, HeadSetTree, alike
from ablation.engine.layers import LayerwisePass
from ablation.modes import Ablation, Scope, ZeroAblation
from ablation.perplexity import Perplexity, check_model, perplexity_of, token_nll, windows
from ablation.sites import head_sites

STREAMS_AT_ONCE = 6
"""Residual streams and z's of the whole text that a walk holds, at the usual depth of branching."""


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
    activation_bytes: int = ACTIVATION_MIB << 20,
) -> Iterator[Measurement]:
    """Gives the perplexity of ``ids`` under every different set of heads, in an order of its own.

    Equal to ``ablation.perplexity.perplexity`` under a ``HeadAblator``, up to the rounding of
    sums; layers that sets have in common run once for all of them.

    Args:
        model: a causal language model of transformers in evaluation mode.
        ids: token ids of the whole text.
        head_sets: the heads that are ablated together, for each measurement.
        ablation: what takes the place of z, at all positions.
        window: tokens per window, at most the model's context.
        activation_bytes: what the windows' streams may take; beyond that they follow one another,
            and every set runs all layers.

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
    sites, parts = head_sites(model), windows(ids, window)
    device = next(model.parameters()).device
    batches = [part[None].to(device) for part in parts]
    width = model.config.hidden_size + sites.layers[0].projection_width
    held = STREAMS_AT_ONCE * width * model.dtype.itemsize * ids.numel() // 2
    if held > activation_bytes:
        for heads, members in alike(head_sets).items():
            yield Measurement(members, partial(_one_by_one, model, batches, heads, ablation))
        return
    with torch.inference_mode():
        passes = [LayerwisePass(sites, batch) for batch in batches]
    for branch in HeadSetTree(sites, passes, head_sets, ablation).branches():
        yield Measurement(branch.members, partial(_measure, model, batches, branch))


def _measure(model: Any, batches: Sequence[Tensor], branch: Branch) -> Perplexity:
    hidden = branch.finish().hidden
    return perplexity_of(
        _nll(model, batch, states) for batch, states in zip(batches, hidden, strict=True)
    )


def _one_by_one(
    model: Any, batches: Sequence[Tensor], heads: HeadSet, ablation: Ablation
) -> Perplexity:
    sites = head_sites(model)

    def nll(batch: Tensor) -> Tensor:
        with torch.inference_mode():
            passes = [LayerwisePass(sites, batch)]
        (branch,) = HeadSetTree(sites, passes, [heads], ablation).branches()
        return _nll(model, batch, branch.finish().hidden[0])

    return perplexity_of(nll(batch) for batch in batches)


def _nll(
    model: Any, batch: Int[Tensor, "1 tokens"], hidden: Float[Tensor, "1 tokens hidden"]
) -> Float[Tensor, " tokens-1"]:
    return token_nll(hidden[0, :-1], model.get_output_embeddings(), batch[0, 1:])
