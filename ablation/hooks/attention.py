"""What the attention of every layer is given, seen and laid out while the model computes as ever.

A registered attention function sees queries, keys and values after position encoding, and the
mask: the kernel that a model was loaded with computes. Where a family attends by a method of its
own, or amid other code, a stand-in is called meanwhile (``attention_methods`` and
``attention_forwards`` beside this file).
"""

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary

from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import pad
from transformers import AttentionInterface
from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS, AttentionMaskInterface
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from ablation.errors import InvalidInput
from ablation.hooks.attention_call import AttentionCall
from ablation.hooks.attention_forwards import FORWARDS
from ablation.hooks.attention_methods import METHODS, Method
from ablation.hooks.layout import Layout
from ablation.hooks.stand_ins import StandIns
from ablation.hooks.temperatures import scaled, scaled_by_position

_NAME = "headclaims"

BENDS = ("softcap", "s_aux", "position_bias")
"""What families give their kernels beyond queries, keys, values and mask."""

EAGER, SDPA = "eager", "sdpa"
"""The kernels that take any mask. Others (flash attention) compute causal attention only, and one
of these stands in for them."""


def kernel_for(model_class: type) -> str:
    """The kernel that takes any mask and computes all that the class asks for."""
    return SDPA if getattr(model_class, "_supports_sdpa", False) else EAGER


Observer = Callable[[AttentionCall], None]


@dataclass(frozen=True)
class _Running:
    """How attention runs at the moment.

    Attributes:
        kernel: the name that transformers knows the model's kernel by.
        layout: how tokens lie; None: one text in each row.
        observers: who is shown what attention is given.
        stand_ins: what is called in the place of the family's own code, if there is such.
    """

    kernel: str
    layout: Layout | None = None
    observers: tuple[Observer, ...] = ()
    stand_ins: StandIns | None = None


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
        width = value.shape[3] if which == 0 else None
        if self.method is not None:
            found = self.method(query, key, value, mask)[which]
            return found if which else found.transpose(1, 2)
        if self.running.stand_ins is not None:
            query, key, value = _alike(query, key, value)
        # Every family has an eager kernel of its own, beside its attention.
        eager = getattr(sys.modules[type(self.module).__module__], "eager_attention_forward", None)
        compute = ALL_ATTENTION_FUNCTIONS.get_interface(self.running.kernel, eager)
        scaled = {"scaling": self.scaling, **self.given}
        return compute(self.module, query, key, value, mask, **scaled)[which][..., :width]


def _alike(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """As many heads, as wide: as torch's fast kernels want them."""
    key, value = (part.expand(-1, query.shape[1], -1, -1) for part in (key, value))
    return query, key, pad(value, (0, key.shape[3] - value.shape[3]))


_running: ContextVar[_Running] = ContextVar("how attention runs")


def _attend(
    module: Any,
    query: Float[Tensor, "batch heads rows head_dim"],
    key: Float[Tensor, "batch kv_heads keys head_dim"],
    value: Float[Tensor, "batch kv_heads keys value_dim"],
    attention_mask: Any,
    scaling: float | None = None,
    *,
    method: Method | None = None,
    **kwargs: Any,
) -> tuple[Tensor, None]:
    running = _running.get()
    if scaling is None:
        scaling = query.shape[-1] ** -0.5
    kernel = Kernel(module, running, scaling, kwargs, method)
    if running.observers and kernel.bends and running.kernel != EAGER:
        bends = ", ".join(name for name in BENDS if kwargs.get(name) is not None)
        raise InvalidInput(
            f"{type(module).__name__} computes attention with {bends}, which can be seen in eager "
            "attention only: load the model with attn_implementation='eager'"
        )
    if running.layout is None:
        return kernel(query, key, value, attention_mask), None
    if (positions := running.layout.positions) is not None:
        query = scaled(module, query, positions)
    # Laid out as kernels of transformers give it: some families (AFMoE) take it to be.
    return running.layout.attend(kernel, query, key, value, attention_mask).contiguous(), None


def _mask(**asked: Any) -> Any:
    running = _running.get()
    make, layout = ALL_MASK_ATTENTION_FUNCTIONS[running.kernel], running.layout
    if layout is not None:
        make = partial(layout.mask, make)
    if running.stand_ins is None:
        return make(**asked)
    return running.stand_ins.mask(make, asked, layout)


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
    with ExitStack() as stack:
        if layout.positions is not None:
            stack.enter_context(scaled_by_position(model))
        stack.enter_context(_changed(model, lambda now: replace(now, layout=layout)))
        yield


@contextmanager
def _changed(model: Any, change: Callable[[_Running], _Running]) -> Iterator[None]:
    before = model.config._attn_implementation
    with ExitStack() as stack:
        now = _running.get() if before == _NAME else _as_loaded(model, before)
        if now.stand_ins is not None:
            stack.enter_context(now.stand_ins.in_place(model, _attend))
        stack.callback(_running.reset, _running.set(change(now)))
        stack.callback(_name_attention, model, before, now)
        _name_attention(model, _NAME, now)
        if model.config._attn_implementation != _NAME:
            raise _unseen(model)
        yield


_stand_ins: WeakKeyDictionary[Any, StandIns | None] = WeakKeyDictionary()
"""Of each model that was looked at: there is a look at every layer of every pass."""


def _as_loaded(model: Any, kernel: str) -> _Running:
    if model not in _stand_ins:
        classes = {type(module).__name__ for module in model.modules()}
        # Of old families, which look for no kernel by its name.
        if any(name.endswith("FlashAttention2") for name in classes):
            raise _unseen(model)
        found = (one for one in (METHODS, FORWARDS) if not classes.isdisjoint(one.classes))
        _stand_ins[model] = next(found, None)
    if (stand_ins := _stand_ins[model]) is not None:
        return _Running(stand_ins.kernel, stand_ins=stand_ins)
    return _Running(kernel if kernel in (EAGER, SDPA) else kernel_for(type(model)))


def _unseen(model: Any) -> InvalidInput:
    return InvalidInput(
        f"{type(model).__name__} computes attention in code of its own, which cannot be seen: load "
        "it with attn_implementation='sdpa', or 'eager' if it has no other"
    )


def _name_attention(model: Any, name: str, running: _Running) -> None:
    if running.stand_ins is not None:
        model.config._attn_implementation = name  # no such model lets it be set
    else:
        model.set_attn_implementation(name)
