"""What the attention of every layer is given, seen and laid out while the model computes as ever.

A registered attention function sees queries, keys and values after position encoding, and the
mask. Nothing of a model is copied: the kernel that it was loaded with computes, or the method of
the family's own (``ablation.hooks.attention_methods``), for which a stand-in is called meanwhile.
"""

import math
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from transformers import AttentionInterface
from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS, AttentionMaskInterface
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from ablation.errors import InvalidInput
from ablation.hooks.attention_methods import (
    Method,
    attends_by_method,
    in_place_of_methods,
    mask_for_methods,
)
from ablation.hooks.families import FAMILIES

_NAME = "headclaims"

BENDS = ("softcap", "s_aux", "position_bias")
"""What families give their kernels beyond queries, keys, values and mask."""

EAGER, SDPA = "eager", "sdpa"
"""The kernels that take any mask. Others (flash attention) compute causal attention only, and one
of these stands in for them."""


def kernel_for(model_class: type) -> str:
    """The kernel that takes any mask and computes all that the class asks for.

    A family whose attention is code of its own forms its weights in eager attention only.
    """
    row = FAMILIES.get(model_class.__name__)
    if row is not None and row.own_attention:
        return EAGER
    return SDPA if getattr(model_class, "_supports_sdpa", False) else EAGER


@dataclass(frozen=True)
class AttentionCall:
    """The attention of one layer in one forward pass.

    Attributes:
        layer: its number, from 0.
        query: after position encoding.
        key, value: of the cached tokens, as far as a sliding window keeps them, and of the rows.
        mask: True (or 0) where a row may look; None: at all keys up to itself.
        scaling: what the logits are multiplied with; NaN where a method of the family's own does
            it, see ``weights``.
        place: where the first of the rows stands among those of the pass.
        key_places: where the keys stand among those of the pass; None where a layout does not say.
        bent: has the kernel itself compute the weights, where they are more than a softmax of
            masked and scaled products; None: they are not.
    """

    layer: int
    query: Float[Tensor, "batch heads rows head_dim"]
    key: Float[Tensor, "batch kv_heads keys head_dim"]
    value: Float[Tensor, "batch kv_heads keys value_dim"]
    mask: Tensor | None
    scaling: float
    place: int = 0
    key_places: Int[Tensor, " keys"] | None = None
    bent: Callable[[], Tensor] | None = None

    @property
    def is_prefill(self) -> bool:
        """Whether there is nothing before the rows."""
        return self.query.shape[2] == self.key.shape[2]

    @property
    def visible(self) -> Bool[Tensor, "mask_rows 1 rows keys"]:
        """Which keys each row may look at; the same for every head."""
        rows, keys = self.query.shape[2], self.key.shape[2]
        if self.mask is None:
            ones = torch.ones(rows, keys, dtype=torch.bool, device=self.key.device)
            return ones.tril(keys - rows)[None, None]
        mask = self.mask[..., :keys]
        return mask if mask.dtype == torch.bool else mask == 0

    def weights(
        self, rows: Sequence[int] | slice = slice(None)
    ) -> Float[Tensor, "batch heads some_rows keys"]:
        """The softmax weights, in fp32: these rows' part of the attention matrix.

        Where a head may rest on nothing (attention sinks) they sum to less than 1.
        """
        if self.bent is not None:
            return self.bent()[:, :, rows].float()
        groups = self.query.shape[1] // self.key.shape[1]
        # Grouped queries against their shared key, without repeating the key in memory.
        grouped = self.query[:, :, rows].unflatten(1, (self.key.shape[1], groups)).float()
        logits = torch.einsum("bkgqd,bksd->bkgqs", grouped, self.key.float()).flatten(1, 2)
        hidden = ~self.visible[:, :, rows]
        return (logits * self.scaling).masked_fill(hidden, -torch.inf).softmax(dim=-1)


Observer = Callable[[AttentionCall], None]

MakeMask = Callable[..., Tensor | None]
"""What makes a mask of one kind for the model's kernel; its arguments are those of
``transformers.masking_utils.sdpa_mask``, all by name."""


@runtime_checkable
class Layout(Protocol):
    """How the tokens of a forward pass lie, if not as one text in each row."""

    def mask(self, make: MakeMask, **asked: Any) -> Any:
        """What ``attend`` is to be given as the mask of one kind that the model asks for."""

    def attend(
        self, kernel: "Kernel", query: Tensor, key: Tensor, value: Tensor, mask: Any
    ) -> Float[Tensor, "batch rows heads dim"]:
        """The attention of all tokens of a layer."""


@dataclass(frozen=True)
class _Running:
    """How attention runs at the moment.

    Attributes:
        kernel: the name that transformers knows the model's kernel by.
        layout: how tokens lie; None: one text in each row.
        observers: who is shown what attention is given.
        by_method: whether a method of the family's own stands for the kernel.
    """

    kernel: str
    layout: Layout | None = None
    observers: tuple[Observer, ...] = ()
    by_method: bool = False


@dataclass(frozen=True)
class Kernel:
    """What computes the attention of a layer.

    Attributes:
        module: the layer's attention.
        running: how attention runs.
        scaling: what the logits are multiplied with.
        given: what else the module gives its kernel.
        method: what the family computes attention by, if not by a kernel.
    """

    module: Any
    running: _Running
    scaling: float
    given: Mapping[str, Any]
    method: Method | None = None

    @property
    def layer(self) -> int:
        """Its number, from 0."""
        named = "layer_id" if hasattr(self.module, "layer_id") else "layer_idx"  # GPT-Neo's
        return getattr(self.module, named)

    @property
    def is_plain(self) -> bool:
        """Whether it is a softmax of the masked and scaled products, which nobody observes."""
        return self.running.kernel == SDPA and not self.running.observers and not self.bends

    @property
    def bends(self) -> bool:
        """Whether it is more than a softmax of the masked and scaled products, or may be."""
        return self.method is not None or any(self.given.get(name) is not None for name in BENDS)

    def __call__(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        mask: Tensor | None,
        place: int = 0,
        key_places: Tensor | None = None,
    ) -> Float[Tensor, "batch rows heads dim"]:
        """Shows the observers an attention, and computes it.

        Args:
            query: as in ``AttentionCall``.
            key: as there.
            value: as there.
            mask: as there.
            place: as there.
            key_places: as there.
        """
        if mask is not None:
            mask = mask.to(query.device)  # made on the first device of a model on several
        bent = partial(self._computed, query, key, value, mask, 1) if self.bends else None
        where = place, key_places
        for observer in self.running.observers:
            observer(AttentionCall(self.layer, query, key, value, mask, self.scaling, *where, bent))
        return self._computed(query, key, value, mask, 0)

    def _computed(
        self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, which: int
    ) -> Tensor:
        """The output (0) or, of an eager kernel, the weights (1)."""
        if self.method is not None:
            found = self.method(query, key, value, mask)[which]
            return found if which else found.transpose(1, 2)
        # Every family has an eager kernel of its own, beside its attention.
        eager = getattr(sys.modules[type(self.module).__module__], "eager_attention_forward", None)
        compute = ALL_ATTENTION_FUNCTIONS.get_interface(self.running.kernel, eager)
        return compute(self.module, query, key, value, mask, scaling=self.scaling, **self.given)[
            which
        ]


_running: ContextVar[_Running] = ContextVar("how attention runs")


def _attend(
    module: Any,
    query: Float[Tensor, "batch heads rows head_dim"],
    key: Float[Tensor, "batch kv_heads keys head_dim"],
    value: Float[Tensor, "batch kv_heads keys value_dim"],
    attention_mask: Any,
    scaling: float | None = None,
    **kwargs: Any,
) -> tuple[Tensor, None]:
    running = _running.get()
    if scaling is None:
        scaling = query.shape[-1] ** -0.5
    kernel = Kernel(module, running, scaling, kwargs)
    if running.observers and kernel.bends and running.kernel != EAGER:
        bends = ", ".join(name for name in BENDS if kwargs.get(name) is not None)
        raise InvalidInput(
            f"{type(module).__name__} computes attention with {bends}, which can be seen in eager "
            "attention only: load the model with attn_implementation='eager'"
        )
    if running.layout is None:
        return kernel(query, key, value, attention_mask), None
    return running.layout.attend(kernel, query, key, value, attention_mask), None


def _mask(**asked: Any) -> Any:
    running = _running.get()
    make = ALL_MASK_ATTENTION_FUNCTIONS[running.kernel]
    if running.layout is not None:
        make = partial(running.layout.mask, make)
    return mask_for_methods(make, asked) if running.by_method else make(**asked)


def _attend_by_method(
    module: Any, query: Tensor, key: Tensor, value: Tensor, mask: Any, method: Method
) -> Tensor:
    # How a method scales its products is its own affair: it is asked for the weights, too.
    running = _running.get()
    kernel = Kernel(module, running, math.nan, {}, method)
    if running.layout is None:
        return kernel(query, key, value, mask)
    return running.layout.attend(kernel, query, key, value, mask)


AttentionInterface.register(_NAME, _attend)
AttentionMaskInterface.register(_NAME, _mask)


@contextmanager
def observe_attention(model: Any, observer: Observer) -> Iterator[None]:
    """Shows ``observer`` the attention of every layer that runs in the context.

    Args:
        model: a model of transformers, or the base model of one.
        observer: is called before each layer's attention is computed.

    Raises:
        InvalidInput: the model computes attention in code of its own; or, in the forward pass, the
            architecture bends its attention in a way that is not seen here.
    """
    with _changed(model, lambda now: replace(now, observers=(*now.observers, observer))):
        yield


@contextmanager
def lay_out(model: Any, layout: Layout) -> Iterator[None]:
    """Has the tokens of every forward pass in the context taken as ``layout`` says they lie.

    Args:
        model: a model of transformers, or the base model of one.
        layout: makes the masks and takes attention apart.
    """
    with _changed(model, lambda now: replace(now, layout=layout)):
        yield


@contextmanager
def _changed(model: Any, change: Callable[[_Running], _Running]) -> Iterator[None]:
    before, by_method = model.config._attn_implementation, attends_by_method(model)
    with ExitStack() as stack:
        if before == _NAME:
            now = _running.get()
        elif by_method:
            now = _Running(EAGER, by_method=True)
        else:
            now = _Running(before if before in (EAGER, SDPA) else kernel_for(type(model)))
        if by_method:
            stack.enter_context(in_place_of_methods(model, _attend_by_method))
        stack.callback(_running.reset, _running.set(change(now)))
        stack.callback(_name_attention, model, before, now)
        _name_attention(model, _NAME, now)
        if model.config._attn_implementation != _NAME:
            raise InvalidInput(
                f"{type(model).__name__} with attn_implementation={before!r} computes attention in "
                "code of its own, which cannot be seen: load it with attn_implementation='eager'"
            )
        yield


def _name_attention(model: Any, name: str, running: _Running) -> None:
    if running.by_method:
        model.config._attn_implementation = name  # no model with methods lets it be set
    else:
        model.set_attn_implementation(name)
