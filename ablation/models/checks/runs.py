"""Do all ways to run a model agree? Layer by layer, drafted, and on a cache."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ablation.ablator import HeadAblator
from ablation.engine.drafted import Drafts, greedy_tokens
from ablation.heads import Head
from ablation.hooks.sites import HeadSites
from ablation.metrics.logits import logits_of
from ablation.models.checks.deviation import Checked, apart
from ablation.models.checks.prompts import DECODED
from ablation.modes.zero import ZeroAblation
from ablation.passes.generation import end_tokens, greedy_ids
from ablation.passes.layerwise import LayerwisePass
from ablation.passes.token_tree import TokenTree

COMPARED = 8
"""Positions of each prompt, the last ones, whose logits are compared: vocabularies are large."""


@torch.inference_mode()
def layer_by_layer(model: Any, sites: HeadSites, ids: Tensor) -> list[Checked]:
    tree = TokenTree(ids.tolist())
    one = LayerwisePass(sites, tree)
    stream = one.embedded
    for layer in range(sites.grid.layers):
        z, _ = one.attend(layer, stream)
        stream = one.finish(layer, stream, z)
    hidden = one.normalise(stream)[0]
    rows = [tree.places(row)[-COMPARED:].to(hidden.device) for row in range(len(ids))]
    found = logits_of(model, torch.stack([hidden[places] for places in rows]))
    expected = model(input_ids=ids, use_cache=False, logits_to_keep=COMPARED).logits
    what = f"logits of the layers one by one and of the whole model, at {ids.shape[1]} tokens,"
    return [apart(what, found, expected, in_a_layer=False)]


def drafted(model: Any, sites: HeadSites, ids: Tensor) -> list[Checked]:
    """Where a token differs, the logits say by how much: near ties are nobody's fault."""
    heads = (Head(sites.grid.layers // 2, 0),)
    expected = greedy_ids(model, ids, [heads] * len(ids), max_new_tokens=DECODED).tolist()
    drafts, furthest = Drafts(), 0.0
    for _ in range(2):  # the second time everything is drafted
        for _, answers in greedy_tokens(
            model, ids, [heads], ZeroAblation(), max_new_tokens=DECODED, drafts=drafts
        ):
            for prompt, found, wanted in zip(ids, answers, expected, strict=True):
                furthest = max(furthest, _gap(model, prompt, heads, found.tokens, wanted))
    what = f"logits of drafted tokens and of those that generate gives, at {ids.shape[1]} tokens,"
    return [Checked(what, furthest)]


@torch.inference_mode()
def decoded(model: Any, sites: HeadSites, ids: Tensor) -> list[Checked]:
    """What is decoded on top of a cache, and what the whole text says that comes next."""
    heads = (Head(sites.grid.layers // 2, 0),)
    answers = greedy_ids(model, ids, [heads] * len(ids), max_new_tokens=DECODED)
    ends, goes_on = torch.tensor(sorted(end_tokens(model)), device=ids.device), len(ids) * [True]
    gaps = []
    for place in range(answers.shape[1]):
        with HeadAblator(model, heads):
            text = torch.cat([ids, answers[:, :place]], dim=1)
            logits = model(input_ids=text, use_cache=False, logits_to_keep=1).logits[:, -1].float()
        given = answers[:, place].to(logits.device)
        apart = logits.max(dim=1).values - logits.gather(1, given[:, None])[:, 0]
        gaps += (apart / logits.abs().max(dim=1).values)[goes_on].tolist()
        # Behind its end an answer is padded while others go on.
        ended = torch.isin(given, ends.to(given)).tolist()
        goes_on = [on and not end for on, end in zip(goes_on, ended, strict=True)]
    what = f"logits of decoded tokens and of the likeliest ones, at {ids.shape[1]} tokens,"
    return [Checked(what, float(torch.tensor(gaps).max()))]


@torch.inference_mode()
def _gap(
    model: Any, prompt: Tensor, heads: Sequence[Head], found: Sequence[int], wanted: Sequence[int]
) -> float:
    """By how much the logits of the first tokens that differ do, of the largest one; 0 if none."""
    for place, (one, other) in enumerate(zip(found, wanted, strict=False)):
        if one != other:
            begun = torch.tensor(wanted[:place], dtype=prompt.dtype, device=prompt.device)
            with HeadAblator(model, heads):
                ids = torch.cat([prompt, begun])[None]
                given = model(input_ids=ids, use_cache=False, logits_to_keep=1).logits
            logits = given[0, -1].float()
            return float((logits[one] - logits[other]).abs() / logits.abs().max())
    return 0.0
