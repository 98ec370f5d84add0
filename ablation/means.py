"""Mean z of every head over a text: what ``MeanAblation`` puts in the place of z."""

from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ablation.capture import capture_z
from ablation.modes import MeanAblation
from ablation.perplexity import windows
from ablation.sites import head_sites
from ablation.text import ids_sha256


def mean_ablation(model: Any, ids: Int[Tensor, " tokens"], *, window: int) -> MeanAblation:
    """The mean ablation of ``model`` with the means over ``ids``, all positions of all windows.

    Raises:
        InvalidInput: the text or the window is too short.
    """
    reference = f"{ids.numel()} tokens in windows of {window}, sha256 {ids_sha256(ids)}"
    return MeanAblation(mean_z(model, ids, window=window), reference)


@torch.inference_mode()
def mean_z(
    model: Any, ids: Int[Tensor, " tokens"], *, window: int
) -> tuple[Float[Tensor, "heads head_dim"], ...]:
    """For each layer the mean of z over all positions of all windows of ``ids``.

    Windows are those of ``ablation.perplexity``; sums are in float64.

    Raises:
        InvalidInput: the text or the window is too short.
    """
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
