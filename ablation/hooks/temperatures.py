"""Queries that are scaled by how many tokens were fed before them, whatever their position.

Llama 4 does so in layers without rotary positions (temperature tuning, arXiv 2501.19399). Where
tokens lie otherwise than one text in each row, it is not left to count them: they are scaled here,
by the positions that they have.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ablation.hooks.stand_ins import standing_in

_ASKED = "attn_temperature_tuning"


class _Done:
    """Tells a module that its queries are not to be scaled, and us that they are."""

    def __bool__(self) -> bool:
        return False


@contextmanager
def scaled_by_position(model: Any) -> Iterator[None]:
    """Leaves the scaling of queries to ``scaled`` while the context is open."""
    with ExitStack() as stack:
        # A look at every module takes a while, and most families have no such thing.
        for module in model.modules() if getattr(model.config, _ASKED, False) else ():
            if getattr(module, _ASKED, False) and not module.use_rope:
                stack.enter_context(standing_in(module, _ASKED, _Done()))
        yield


def scaled(
    module: Any,
    query: Float[Tensor, "batch heads tokens head_dim"],
    positions: Int[Tensor, "rows_or_1 tokens"],
) -> Float[Tensor, "batch heads tokens head_dim"]:
    """The queries of a layer's attention, if it is one whose scaling is left to this."""
    if not isinstance(getattr(module, _ASKED, None), _Done):
        return query
    steps = torch.floor((positions.to(query.device).float() + 1.0) / module.floor_scale)
    scales = torch.log1p(steps) * module.attn_scale + 1.0
    return (query * scales[:, None, :, None]).to(query.dtype)
