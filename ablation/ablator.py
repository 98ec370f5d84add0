"""The head ablator: a context manager under which the given heads of a model are ablated."""

import inspect
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, ClassVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from ablation.errors import InvalidInput
from ablation.heads import Head
from ablation.hooks.attention import observe_attention
from ablation.hooks.attention_call import AttentionCall
from ablation.hooks.replacement import replaced
from ablation.hooks.sites import HeadSites, head_sites
from ablation.modes import Scope
from ablation.modes.protocol import Ablation, Seen
from ablation.modes.zero import ZeroAblation


class AblationNotApplied(RuntimeError):
    """The model ran, but the ablation did not take part in it as it should have."""


class HeadAblator:
    """Ablates heads of a causal language model while the context is open.

    Works for single forwards, cached decoding and ``model.generate``. The model's weights are not
    touched; forward *pre*-hooks on the output projections replace z of the ablated heads and leave
    every other value bit for bit as it was. Ablators nest.

    >>> with HeadAblator(model, [Head(17, 0), Head(23, 0)]):
    ...     logits = model(ids).logits

    On leaving, the hooks' firings are compared with the forward passes that happened, so that an
    ablation that was silently skipped is an error and not a figure.

    Args:
        model: a causal language model of transformers with a row in ``ablation.hooks.sites``.
        heads: the heads to ablate in every row of the batch; none leaves the model as it is.
        ablation: what takes the place of z, and where. One that depends on the prompts
            (``ResampleAblation``) must have been told them by ``for_prompts``.

    Raises:
        InvalidInput: a head is out of range or listed twice, or the model's class is not known.
        AblationNotApplied: on leaving, if no ablated forward pass took place in the context or a
            hook did not fire in one. Not raised over an exception that is already on its way.
    """

    ablates_heads: ClassVar[bool] = True
    """What ``capture.require_unablated`` knows an ablator's hooks by."""

    def __init__(
        self, model: Any, heads: Iterable[Head], ablation: Ablation = ZeroAblation()
    ) -> None:
        self._sites = head_sites(model)
        self._ablation = ablation
        self._row_heads: tuple[tuple[Head, ...], ...] = (self._sites.grid.check(heads),)
        self._per_row = False
        self._row_prompts: Int[Tensor, "rows 1"] | None = None
        self._open = ExitStack()
        self._is_open = False
        self._firings: Counter[int] = Counter()
        self._passes = 0
        self._none_due = False
        self._current: _Pass | None = None

    @classmethod
    def per_row(
        cls,
        model: Any,
        row_heads: Sequence[Iterable[Head]],
        ablation: Ablation = ZeroAblation(),
        *,
        row_prompts: Sequence[int] | None = None,
    ) -> "HeadAblator":
        """An ablator under which row i of the batch has the heads ``row_heads[i]`` ablated.

        Every batch in the context must then have exactly ``len(row_heads)`` rows.

        Args:
            model: as in the constructor.
            row_heads: the heads of each row.
            ablation: as in the constructor.
            row_prompts: which of the prompts that the ablation was told each row is of; None: the
                prompts in their order, over and over.

        Raises:
            InvalidInput: there are no rows, or a row is invalid as in the constructor.
        """
        if not row_heads:
            raise InvalidInput("per-row ablation requires at least one row, got none")
        ablator = cls(model, (), ablation)
        ablator._row_heads = tuple(ablator._sites.grid.check(heads) for heads in row_heads)
        ablator._per_row = True
        if row_prompts is not None:
            ablator._row_prompts = torch.tensor(row_prompts)[:, None]
        return ablator

    def __enter__(self) -> "HeadAblator":
        if self._is_open:
            raise RuntimeError("this HeadAblator is already open: make another one to nest")
        self._firings.clear()
        self._passes = 0
        self._none_due = False
        decoder = self._sites.decoder
        # Before any hook is there: a replacement may have to run the model, which it wants whole.
        by_layer = {layer: _PutInPlace(self, layer, mask) for layer, mask in self._masks().items()}
        with ExitStack() as stack:
            hook = decoder.register_forward_pre_hook(self._begin_pass, with_kwargs=True)
            stack.callback(hook.remove)
            for layer, put_in_place in by_layer.items():
                projection = self._sites.layers[layer].projection
                stack.callback(projection.register_forward_pre_hook(put_in_place).remove)
            if by_layer and self._ablation.reads_attention:
                stack.enter_context(observe_attention(decoder, self._note_attention))
            self._open = stack.pop_all()
        self._is_open = True
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        layers = self._ablated_layers()
        self._open.close()
        self._is_open, self._current = False, None
        if kind is not None or not layers:
            return
        if self._passes == 0 and not self._none_due:
            raise AblationNotApplied(
                f"no forward pass of scope {self._ablation.scope!s} ran while the heads were "
                "ablated: run the model inside the context (scope 'decode' needs a cache)"
            )
        missed = {layer: self._firings[layer] for layer in layers}
        if set(missed.values()) != {self._passes}:
            raise AblationNotApplied(
                f"the model ran {self._passes} ablated forward passes, but the hooks fired "
                f"(layer: times) {missed}: something replaces or bypasses the output projection"
            )

    def nothing_was_due(self) -> None:
        """Says that no forward pass of the scope had to run; that none did is then no error.

        Such as with scope ``decode`` where every answer ends with its first token, which the
        prefill gives.
        """
        self._none_due = True

    def _ablated_layers(self) -> list[int]:
        return sorted({head.layer for heads in self._row_heads for head in heads})

    def _masks(self) -> dict[int, Bool[Tensor, "rows 1 heads 1"]]:
        """Layer -> which heads are ablated, per row (one row that broadcasts if all are alike)."""
        masks = {}
        for layer in self._ablated_layers():
            of_layer = self._sites.grid.by_layer[layer]
            mask = torch.zeros(len(self._row_heads), 1, of_layer, 1, dtype=torch.bool)
            for row, heads in enumerate(self._row_heads):
                for head in heads:
                    if head.layer == layer:
                        mask[row, 0, head.head] = True
            masks[layer] = mask
        return masks

    def _begin_pass(self, decoder: Any, args: tuple, kwargs: dict) -> None:
        bound = inspect.signature(decoder.forward).bind_partial(*args, **kwargs).arguments
        # By name there may be what a decoder takes and does not use.
        self._current = _Pass.of({**bound, **kwargs}, self._ablation.scope, self._row_prompts)
        self._passes += self._current.ablated is not None

    def _note_attention(self, call: AttentionCall) -> None:
        if self._current is not None:
            self._current.attention[call.layer] = call


@dataclass(frozen=True)
class _Pass:
    """A forward pass that is under way.

    Attributes:
        start: the position of its first token.
        given: the positions of its tokens, if the caller has named them.
        prompts: which prompt each row is of, if the caller has named them.
        ablated: which of its tokens are ablated; None: none.
        attention: what the layers that have run so far gave their attention.
    """

    start: int
    given: Int[Tensor, "rows seq"] | None
    prompts: Int[Tensor, "rows 1"] | None
    ablated: slice | None
    attention: dict[int, AttentionCall] = field(default_factory=dict)

    @classmethod
    def of(
        cls, arguments: Mapping[str, Any], scope: Scope, prompts: Int[Tensor, "rows 1"] | None
    ) -> "_Pass":
        """Given what the model was called with."""
        cache = arguments.get("past_key_values")
        start = 0 if cache is None else cache.get_seq_length()
        everything = slice(None)
        in_prefill = {Scope.ALL: everything, Scope.LAST: slice(-1, None), Scope.DECODE: None}
        ablated = everything if start else in_prefill[scope]
        return cls(start, arguments.get("position_ids"), prompts, ablated)

    def seen(self, z: Tensor, layer: int) -> Seen:
        """What is known when z of ``layer``, ``(batch, seq, width)``, is about to be replaced."""
        positions = self.given
        if positions is None:
            positions = torch.arange(self.start, self.start + z.shape[1], device=z.device)[None]
        return Seen(positions, self.prompts, self.attention.pop(layer, None))


class _PutInPlace:
    """The pre-hook of one layer: puts the replacement in the place of z in the masked heads."""

    def __init__(self, ablator: HeadAblator, layer: int, mask: Bool[Tensor, "rows 1 heads 1"]):
        self._ablator = ablator
        self._layer = layer
        self._mask = mask
        self._sites: HeadSites = ablator._sites
        self._replacement = ablator._ablation.replacement(self._sites.layers[layer])

    def __call__(self, projection: Any, args: tuple) -> tuple | None:
        current = self._ablator._current
        if current is None or current.ablated is None:
            return None
        flat: Float[Tensor, "batch seq width"] = args[0]
        self._check_rows(flat)
        if self._mask.device != flat.device:
            self._mask = self._mask.to(flat.device)
        self._ablator._firings[self._layer] += 1
        value = self._replacement(current.seen(flat, self._layer))
        return (replaced(flat, self._mask, value, current.ablated), *args[1:])

    def _check_rows(self, flat: Tensor) -> None:
        if self._ablator._per_row and flat.shape[0] != len(self._mask):
            raise InvalidInput(
                f"per-row ablation was given {len(self._mask)} rows of heads, but the batch has "
                f"{flat.shape[0]}: give one set of heads per row of the batch"
            )
