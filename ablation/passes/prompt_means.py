"""Mean ablation over prompts: z of a head becomes its mean over them.

What several prompts begin with runs once and counts as often as they have it.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from ablation.hooks.capture import require_unablated
from ablation.hooks.sites import HeadSites, head_sites
from ablation.metrics.devices import input_device
from ablation.modes import Scope
from ablation.modes.description import mean_over_prompts
from ablation.modes.mean import LazyTensors, MeanAblation
from ablation.passes import ACTIVATION_MIB
from ablation.passes.allocator import give_back_freed_memory
from ablation.passes.known_tokens import check_known
from ablation.passes.layerwise import LayerwisePass
from ablation.passes.positions import check_positions
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
        activation_bytes: what prompts that run at once may take of a CPU's memory; 0: one by one.

    Raises:
        InvalidInput: no prompts; by position, prompts of several lengths; or, when they are run, a
            token that the model does not know, heads that are ablated, or as ``check_positions``.
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
    shortest, longest = min(map(len, prompts)), max(map(len, prompts))
    check_positions(model, shortest, longest)
    sites = head_sites(model)
    device = input_device(model)
    room = room_for(model, longest, activation_bytes, prompts=READ_ON_CPU)
    sums: dict[int, Tensor] = {}
    for batch in in_batches(prompts, range(len(prompts)), room.tokens, shared=True):
        tree = TokenTree([prompts[place] for place in batch])
        for layer, z in _z(sites, tree):
            # Not on the device: some (MPS) know no float64.
            found = z[0].cpu().double() * tree.holders[0, :, None, None]
            if layer not in sums:
                sums[layer] = found.new_zeros(longest if by_position else 1, *found.shape[1:])
            sums[layer].index_add_(0, tree.positions[0] * by_position, found)
        give_back_freed_memory()
    tokens = sum(map(len, prompts))
    means = []
    for _, total in sorted(sums.items()):
        of_all = total.sum(0, keepdim=True) / tokens
        parts = [total / len(prompts), of_all] if by_position else [of_all]
        means.append(torch.cat(parts).float().to(device))
    return means


def _z(
    sites: HeadSites, tree: TokenTree
) -> Iterator[tuple[int, Float[Tensor, "1 packed heads head_dim"]]]:
    """Z of each layer, in their order."""
    one = LayerwisePass(sites, tree)
    stream = one.embedded
    for site in sites.layers:
        z, _ = one.attend(site.layer, stream)
        yield site.layer, z.unflatten(-1, (site.heads, -1))
        if site is not sites.layers[-1]:  # what is past the last z reaches no other
            stream = one.finish(site.layer, stream, z)
        one.with_keys((), site.layer)
