"""Attention amid a family's own code, in the place of one of transformers' kernels.

BLOOM, Falcon and MPT compute attention in the ``forward`` of a layer's attention, between what
makes queries, keys and values and the output projection. A stand-in for it hands them to a kernel.

Most of them bend attention by ALiBi (arXiv 2108.12409): the logit of a key grows with its position,
by a slope of each head. Here that is an encoding of positions like any other: more numbers of every
key, which queries meet with ones. So whoever lays keys out otherwise need not know of it.
"""

import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import dropout

from ablation.errors import InvalidInput
from ablation.hooks.layout import KeyPositions, Layout
from ablation.hooks.stand_ins import Attend, StandIns, standing_in

COLUMNS = 8
"""Numbers of a key that hold its bias: what three of them add up to is exact in any dtype; the
others are zeros, so that rows stay aligned for a kernel."""


class _Parts(NamedTuple):
    """What a layer makes of its input.

    Attributes:
        query, key, value: ``(batch, heads, tokens, dim)``.
        scaling: what products, biases included, are still to be multiplied with.
    """

    query: Tensor
    key: Tensor
    value: Tensor
    scaling: float


@dataclass(frozen=True)
class _Own:
    """The attention of one class.

    Attributes:
        parts: given the module, its input and its other arguments by name.
        table: given the module, a number, and a tensor of their dtype, the biases of the first so
            many positions, ``(heads, positions)``, but for a number that a head has in common.
        bias: the argument that brings the biases.
        cache: that which brings the cache.
        projection: the output projection.
    """

    parts: Callable[[Any, Tensor, Mapping[str, Any]], _Parts]
    table: Callable[[Any, int, Tensor], Tensor]
    bias: str
    cache: str
    projection: str


def _bloom(module: Any, hidden: Tensor, given: Mapping[str, Any]) -> _Parts:
    query, key, value = module._reshape(module.query_key_value(hidden))
    return _Parts(query * module.inv_norm_factor, key, value, 1.0)


def _falcon(module: Any, hidden: Tensor, given: Mapping[str, Any]) -> _Parts:
    split = module._split_heads(module.query_key_value(hidden))
    query, key, value = (part.transpose(1, 2) for part in split)
    if given["alibi"] is None:
        query, key = _code_of(module).apply_rotary_pos_emb(
            query, key, *given["position_embeddings"]
        )
    return _Parts(query, key, value, module.inv_norm_factor)


def _mpt(module: Any, hidden: Tensor, given: Mapping[str, Any]) -> _Parts:
    mixed = module.Wqkv(hidden)
    if module.clip_qkv:
        mixed = mixed.clamp(min=-module.clip_qkv, max=module.clip_qkv)
    query, key, value = (
        part.unflatten(-1, (module.n_heads, -1)).transpose(1, 2) for part in mixed.chunk(3, dim=2)
    )
    return _Parts(query * module.softmax_scale, key, value, 1.0)


def _table(module: Any, positions: int, like: Tensor) -> Tensor:
    ones = torch.ones(1, positions, dtype=torch.long, device=like.device)
    return _code_of(module).build_alibi_tensor(ones, module.num_heads, like.dtype)[:, 0]


def _table_of_mpt(module: Any, positions: int, like: Tensor) -> Tensor:
    return _code_of(module).build_mpt_alibi_tensor(module.n_heads, positions, device=like.device)[
        :, 0
    ]


def _code_of(module: Any) -> Any:
    return sys.modules[type(module).__module__]


_CLASSES = {
    "BloomAttention": _Own(_bloom, _table, "alibi", "layer_past", "dense"),
    "FalconAttention": _Own(_falcon, _table, "alibi", "layer_past", "dense"),
    "MptAttention": _Own(_mpt, _table_of_mpt, "position_bias", "past_key_values", "out_proj"),
}
"""By the name of the class."""


@contextmanager
def _in_place(model: Any, attend: Attend) -> Iterator[None]:
    with ExitStack() as stack:
        for module in model.modules():
            if (own := _CLASSES.get(type(module).__name__)) is None:
                continue
            # A model on several devices has accelerate's hooks around the forward.
            name = "_old_forward" if hasattr(module, "_hf_hook") else "forward"
            if isinstance(getattr(module, name), _StandIn):
                continue
            if (why := _why_not(module, name)) is not None:
                raise InvalidInput(f"attention of {type(module).__name__} cannot be seen: {why}")
            stack.enter_context(standing_in(module, name, _StandIn(module, own, attend)))
        yield


def _why_not(module: Any, name: str) -> str | None:
    """Why nothing can stand in for a layer's attention."""
    put = vars(module).get(name)
    if put is not None and getattr(put, "__func__", None) is not type(module).forward:
        return "somebody has replaced its forward; take the model as it was loaded"
    if getattr(module, "slow_but_exact", False) and module.pretraining_tp > 1:
        return "it takes its output projection apart (slow_but_exact); set pretraining_tp to 1"
    # As that of transformers 5.23 does: its mask has them, too.
    config: Any = getattr(module, "config", None)
    if getattr(config, "alibi", False) and config._attn_implementation == "eager":
        return "in eager attention it adds its biases twice; load it with 'sdpa'"
    return None


class _Carried:
    """A mask on its way through a model, which would look into one.

    Attributes:
        mask: the mask.
        at: where the keys stand, as ``Layout.key_positions``.
    """

    ndim = 0

    def __init__(self, mask: Any, at: KeyPositions | None) -> None:
        self.mask, self.at = mask, at
        self._biases: Tensor | None = None

    def to(self, *args: Any, **kwargs: Any) -> "_Carried":
        return self

    def biases(self, own: _Own, module: Any, given: Tensor) -> Float[Tensor, "some heads keys"]:
        """Those of the keys, for all layers; ``given`` where they are as they come."""
        if self.at is None:
            return given
        if self._biases is None:
            keys, ends = (places.to(given.device) for places in self.at)
            table = own.table(module, int(torch.cat([keys, ends]).max()) + 1, given).float()
            self._biases = table[None, :, keys] - table[:, ends].T[:, :, None]
        return self._biases


def _carried(make: Callable[..., Any], asked: dict[str, Any], layout: Layout | None) -> _Carried:
    return _Carried(make(**asked), None if layout is None else layout.key_positions)


class _StandIn:
    """What is called in the place of the forward of a layer's attention."""

    def __init__(self, module: Any, own: _Own, attend: Attend) -> None:
        self._module, self._own, self._attend = module, own, attend

    def __call__(self, *args: Any, **kwargs: Any) -> tuple[Tensor, None]:
        kind: Any = type(self._module)
        given = _signature(kind).bind(self._module, *args, **kwargs).arguments
        module, own, hidden = self._module, self._own, given["hidden_states"]
        carried = given["attention_mask"]
        if not isinstance(carried, _Carried):
            raise InvalidInput(
                f"{type(module).__name__} is to be given no mask of a caller's own making while "
                "its attention is seen: give one with a row for each text, or none"
            )
        query, key, value, scaling = own.parts(module, hidden, given)
        if (cache := given.get(own.cache)) is not None:
            # Not as a part of what they were made in: that would be kept with them.
            key, value = cache.update(key.contiguous(), value.contiguous(), module.layer_idx)
        if (bias := given.get(own.bias)) is not None:
            heads = query.shape[1]
            bias = bias.reshape(-1, heads, bias.shape[-1])
            query = torch.cat([query, _ones(query)], dim=-1)
            key, value = (part.expand(-1, heads, -1, -1) for part in (key, value))
            key = _with_bias(key, carried.biases(own, module, bias))
        found, _ = self._attend(module, query, key, value, carried.mask, scaling=scaling)
        output = getattr(module, own.projection)(found.flatten(2))
        if "residual" in given:  # BLOOM's attention adds it itself
            output = given["residual"] + dropout(output, module.hidden_dropout, module.training)
        return output, None


@cache
def _signature(of: Any) -> inspect.Signature:
    return inspect.signature(of.forward)


def _ones(query: Tensor) -> Float[Tensor, "batch heads tokens columns"]:
    return query.new_ones(1).expand(*query.shape[:3], COLUMNS)


def _with_bias(
    key: Float[Tensor, "batch heads tokens dim"], bias: Float[Tensor, "some heads positions"]
) -> Float[Tensor, "batch heads tokens width"]:
    """Keys that hold the bias of the last of these positions."""
    left = bias[:, :, -key.shape[2] :].to(key.device)
    columns = key.new_zeros(*key.shape[:3], COLUMNS)
    for column in range(3):
        columns[..., column] = left
        left = left - columns[..., column]
    return torch.cat([key, columns], dim=-1)


FORWARDS = StandIns("sdpa", _CLASSES, _in_place, _carried)
