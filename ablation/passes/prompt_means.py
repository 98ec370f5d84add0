"""Mean ablation over prompts: z of a head becomes its mean over them.

What several prompts begin with runs once and counts as often as they have it.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from ablation.hooks.capture import capture_z, require_unablated
from ablation.hooks.sites import head_sites
from ablation.metrics.decoder import decoder_of
from ablation.metrics.devices import input_device
from ablation.modes import Scope
from ablation.modes.description import mean_over_prompts
from ablation.modes.mean import LazyTensors, MeanAblation
from ablation.passes import ACTIVATION_MIB
from ablation.passes.allocator import give_back_freed_memory
from ablation.passes.known_tokens import check_known
from ablation.passes.layerwise import LayerwisePass
from ablation.passes.positions import change_with_length
from ablation.passes.room import READ_ON_CPU, in_batches, room_for
from ablation.passes.token_tree import TokenTree


def mean_ablation_of_prompts(
    model: Any,
    prompts: Sequence[Sequence[int]],
    *,
    by_position: bool = False,
    scope: Scope = Scope.ALL,
    activation_bytes: int = ACTIVATION_MIB << 20,
) -> MeanAblation:
    """The mean ablation of ``model`` with the means over ``prompts``, as ids.

    They are run when the first mean is asked for: what is known already needs none.

    Args:
        model: a causal language model of transformers.
        prompts: what the means are over; other prompts than those that are asked under them.
        by_position: a mean for each position, and one of all for those beyond.
        scope: which positions are ablated.
        activation_bytes: what prompts that run at once may take of a CPU's memory; with 0 each runs
            on its own, the whole model in one piece.

    Raises:
        InvalidInput: no prompts; by position, prompts of several lengths; or, when they are run, a
            token that the model does not know, or heads that are ablated.
    """
    reference = mean_over_prompts(prompts, by_position)
    means = LazyTensors(lambda: _means(model, prompts, by_position, activation_bytes))
    return MeanAblation(means, reference, by_position, scope=scope)


@torch.inference_mode()
def _means(
    model: Any, prompts: Sequence[Sequence[int]], by_position: bool, activation_bytes: int
) -> list[Float[Tensor, "positions heads head_dim"]]:
    require_unablated(model, "means")
    check_known(model, prompts)
    device, longest = input_device(model), max(map(len, prompts))
    alone = not activation_bytes or change_with_length(model.config)
    found_z = _each(model, prompts) if alone else _together(model, prompts, activation_bytes)
    sums: dict[int, Tensor] = {}
    for tree, layer, z in found_z:
        if layer not in sums:
            size = (longest if by_position else 1, *z.shape[2:])
            sums[layer] = torch.zeros(size, dtype=torch.float64)
        # On the CPU: some devices (MPS) know no float64.
        for segment in tree.segments:
            found = segment.prompts * z[0, segment.places].cpu().double()
            if by_position:
                sums[layer][segment.start : segment.end] += found
            else:
                sums[layer][0] += found.sum(0)
    tokens = sum(map(len, prompts))
    means = []
    for _, total in sorted(sums.items()):
        of_all = total.sum(0, keepdim=True) / tokens
        parts = [total / len(prompts), of_all] if by_position else [of_all]
        means.append(torch.cat(parts).float().to(device))
    return means


Z = Iterator[tuple[TokenTree, int, Float[Tensor, "1 packed heads head_dim"]]]
"""Prompts, a layer, and its z of their tokens."""


def _each(model: Any, prompts: Sequence[Sequence[int]]) -> Z:
    device, layers = input_device(model), range(len(head_sites(model).layers))
    with capture_z(model, layers) as z:
        for prompt in prompts:
            tree = TokenTree([prompt])
            decoder_of(model)(input_ids=tree.ids.to(device), use_cache=False)
            for layer in layers:
                yield tree, layer, z[layer]


def _together(model: Any, prompts: Sequence[Sequence[int]], activation_bytes: int) -> Z:
    sites = head_sites(model)
    room = room_for(model, max(map(len, prompts)), activation_bytes, prompts=READ_ON_CPU)
    for places in in_batches(prompts, range(len(prompts)), room.tokens, shared=True):
        tree = TokenTree([prompts[place] for place in places])
        one = LayerwisePass(sites, tree)
        stream = one.embedded
        for site in sites.layers:
            z, _ = one.attend(site.layer, stream)
            yield tree, site.layer, z.unflatten(-1, (site.heads, -1))
            if site is not sites.layers[-1]:  # what is past the last z reaches no other
                stream = one.finish(site.layer, stream, z)
            one.with_keys((), site.layer)
        give_back_freed_memory()
