"""Mean z of every head over a text or prompts: what ``MeanAblation`` puts in the place of z."""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ablation.ablator import require_unablated
from ablation.capture import capture_z
from ablation.errors import InvalidInput
from ablation.modes import MeanAblation
from ablation.perplexity import windows
from ablation.protocol import Scope
from ablation.sites import head_sites
from ablation.text import ids_sha256


def mean_ablation(model: Any, ids: Int[Tensor, " tokens"], *, window: int) -> MeanAblation:
    """The mean ablation of ``model`` with the means over ``ids``, all positions of all windows.

    The model is run when the first mean is asked for: what is known already needs none.

    Raises:
        InvalidInput: the text or the window is too short.
    """
    windows(ids, window)
    reference = f"{ids.numel()} tokens in windows of {window}, sha256 {ids_sha256(ids)}"
    means = _Lazy(lambda: [mean[None] for mean in mean_z(model, ids, window=window)])
    return MeanAblation(means, reference)


def mean_ablation_of_prompts(
    model: Any,
    prompts: Sequence[Sequence[int]],
    *,
    by_position: bool = False,
    scope: Scope = Scope.ALL,
) -> MeanAblation:
    """The mean ablation of ``model`` with the means over ``prompts``, as ids.

    They are run when the first mean is asked for: what is known already needs none.

    Args:
        model: a causal language model of transformers.
        prompts: what the means are over; other prompts than those that are asked under them.
        by_position: a mean for each position, and one of all for those beyond.
        scope: which positions are ablated.

    Raises:
        InvalidInput: no prompts; or, by position, prompts of several lengths.
    """
    if not prompts:
        raise InvalidInput("a mean over prompts requires at least one, got none")
    lengths = sorted({len(prompt) for prompt in prompts})
    if by_position and len(lengths) > 1:
        raise InvalidInput(
            f"a mean by position requires prompts of one length, got {lengths[0]} to {lengths[-1]}"
        )
    every_id = torch.tensor([token for prompt in prompts for token in prompt])
    reference = f"{len(prompts)} prompts{', by position' * by_position}"
    return MeanAblation(
        _Lazy(lambda: _means_of_prompts(model, prompts, by_position)),
        f"{reference}, sha256 {ids_sha256(every_id)}",
        by_position,
        scope=scope,
    )


class _Lazy:
    """Tensors that are computed when the first of them is asked for."""

    def __init__(self, compute: Callable[[], Sequence[Tensor]]) -> None:
        self._tensors = cache(compute)

    def __len__(self) -> int:
        return len(self._tensors())

    def __getitem__(self, layer: int) -> Tensor:
        return self._tensors()[layer]


@torch.inference_mode()
def _means_of_prompts(
    model: Any, prompts: Sequence[Sequence[int]], by_position: bool
) -> list[Float[Tensor, "positions heads head_dim"]]:
    require_unablated(model, "means")
    layers = range(len(head_sites(model).layers))
    device = next(model.parameters()).device
    sums: dict[int, Tensor] = {}
    with capture_z(model, layers) as z:
        for prompt in prompts:
            model.base_model(input_ids=torch.tensor([prompt], device=device), use_cache=False)
            for layer in layers:
                # Not on the device: some (MPS) know no float64.
                found = z[layer][0].cpu().double()
                total = found if by_position else found.sum(0, keepdim=True)
                sums[layer] = sums[layer] + total if layer in sums else total
    tokens = sum(map(len, prompts))
    means = []
    for layer in layers:
        of_all = sums[layer].sum(0, keepdim=True) / tokens
        parts = [sums[layer] / len(prompts), of_all] if by_position else [of_all]
        means.append(torch.cat(parts).float().to(device))
    return means


@torch.inference_mode()
def mean_z(
    model: Any, ids: Int[Tensor, " tokens"], *, window: int
) -> tuple[Float[Tensor, "heads head_dim"], ...]:
    """For each layer the mean of z over all positions of all windows of ``ids``.

    Windows are those of ``ablation.perplexity``; sums are in float64.

    Raises:
        InvalidInput: the text or the window is too short, or heads of the model are ablated.
    """
    require_unablated(model, "means")
    layers = range(len(head_sites(model).layers))
    device = next(model.parameters()).device
    sums: dict[int, Tensor] = {}
    positions = 0
    with capture_z(model, layers) as z:
        for window_ids in windows(ids, window):
            model.base_model(input_ids=window_ids[None].to(device), use_cache=False)
            for layer in layers:
                # Not on the device: some (MPS) know no float64.
                total = z[layer][0].cpu().double().sum(0)
                sums[layer] = sums[layer] + total if layer in sums else total
            positions += window_ids.numel()
    return tuple((sums[layer] / positions).float().to(device) for layer in layers)
