"""Puts what an ablation puts there in the place of z: one rule for every way of running a model."""

from collections.abc import Iterable

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

EVERYWHERE = slice(None)


def head_mask(heads: int, ablated: Iterable[int]) -> Bool[Tensor, "1 1 heads 1"]:
    """Which of a layer's ``heads`` are ablated, in every row and at every position."""
    mask = torch.zeros(1, 1, heads, 1, dtype=torch.bool)
    mask[0, 0, list(ablated)] = True
    return mask


def replaced(
    flat: Float[Tensor, "batch seq width"],
    mask: Bool[Tensor, "rows 1 heads 1"],
    value: Float[Tensor, "#batch #seq heads head_dim"] | None,
    positions: slice | Int[Tensor, " places"] = EVERYWHERE,
) -> Float[Tensor, "batch seq width"]:
    """z, its heads side by side, with ``value`` (None: 0) in the masked heads at ``positions``.

    Out of place: the tensor that comes in belongs to the model. What is not masked stays bit for
    bit as it was.
    """
    z = flat.unflatten(-1, (mask.shape[2], -1))
    if isinstance(positions, Tensor) or positions != EVERYWHERE:
        mask = mask & _among(positions, z)
    if value is None:
        return z.masked_fill(mask, 0).flatten(-2)
    return torch.where(mask, value.to(z), z).flatten(-2)


def _among(
    positions: slice | Int[Tensor, " places"], z: Float[Tensor, "batch seq heads head_dim"]
) -> Tensor:
    among = torch.zeros(1, z.shape[1], 1, 1, dtype=torch.bool, device=z.device)
    if isinstance(positions, Tensor):
        positions = positions.to(z.device)
    among[:, positions] = True
    return among
