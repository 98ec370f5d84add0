"""The head ablator: a context manager under which the given heads of a model are ablated."""

import inspect
from collections import Counter
from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.utils.hooks import RemovableHandle

from ablation.errors import InvalidInput
from ablation.heads import Head
from ablation.modes import Ablation, Scope, ZeroAblation
from ablation.replacement import replaced
from ablation.sites import HeadSites, head_sites


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
        model: a causal language model of transformers with a row in ``ablation.sites``.
        heads: the heads to ablate in every row of the batch; none leaves the model as it is.
        ablation: what takes the place of z, and in which forward passes.

    Raises:
        InvalidInput: a head is out of range or listed twice, or the model's class is not known.
        AblationNotApplied: on leaving, if no ablated forward pass took place in the context or a
            hook did not fire in one. Not raised over an exception that is already on its way.
    """

    def __init__(
        self, model: Any, heads: Iterable[Head], ablation: Ablation = ZeroAblation()
    ) -> None:
        self._sites = head_sites(model)
        self._ablation = ablation
        self._row_heads: tuple[tuple[Head, ...], ...] = (self._sites.grid.check(heads),)
        self._per_row = False
        self._handles: list[RemovableHandle] = []
        self._firings: Counter[int] = Counter()
        self._passes = 0
        self._active = True

    @classmethod
    def per_row(
        cls,
        model: Any,
        row_heads: Sequence[Iterable[Head]],
        ablation: Ablation = ZeroAblation(),
    ) -> "HeadAblator":
        """An ablator under which row i of the batch has the heads ``row_heads[i]`` ablated.

        Every batch in the context must then have exactly ``len(row_heads)`` rows.

        Raises:
            InvalidInput: there are no rows, or a row is invalid as in the constructor.
        """
        if not row_heads:
            raise InvalidInput("per-row ablation requires at least one row, got none")
        ablator = cls(model, (), ablation)
        ablator._row_heads = tuple(ablator._sites.grid.check(heads) for heads in row_heads)
        ablator._per_row = True
        return ablator

    def __enter__(self) -> "HeadAblator":
        if self._handles:
            raise RuntimeError("this HeadAblator is already open: make another one to nest")
        self._firings.clear()
        self._passes = 0
        try:
            self._handles.append(
                self._sites.base_model.register_forward_pre_hook(self._count_pass, with_kwargs=True)
            )
            for layer, mask in self._masks().items():
                self._handles.append(
                    self._sites.layers[layer].projection.register_forward_pre_hook(
                        _Replacement(self, layer, mask)
                    )
                )
        except BaseException:
            self._remove_hooks()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        layers = self._ablated_layers()
        self._remove_hooks()
        if kind is not None or not layers:
            return
        if self._passes == 0:
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

    def _remove_hooks(self) -> None:
        for handle in self._handles:
            handle.remove()
        self._handles.clear()

    def _ablated_layers(self) -> list[int]:
        return sorted({head.layer for heads in self._row_heads for head in heads})

    def _masks(self) -> dict[int, Bool[Tensor, "rows 1 heads 1"]]:
        """Layer -> which heads are ablated, per row (one row that broadcasts if all are alike)."""
        grid = self._sites.grid
        masks = {}
        for layer in self._ablated_layers():
            mask = torch.zeros(len(self._row_heads), 1, grid.heads, 1, dtype=torch.bool)
            for row, heads in enumerate(self._row_heads):
                for head in heads:
                    if head.layer == layer:
                        mask[row, 0, head.head] = True
            masks[layer] = mask
        return masks

    def _count_pass(self, base_model: Any, args: tuple, kwargs: dict) -> None:
        bound = inspect.signature(base_model.forward).bind_partial(*args, **kwargs).arguments
        cache = bound.get("past_key_values")
        decoding = cache is not None and cache.get_seq_length() > 0
        self._active = self._ablation.scope is Scope.ALL or decoding
        self._passes += self._active


class _Replacement:
    """The pre-hook of one layer: puts the replacement in the place of z in the masked heads."""

    def __init__(self, ablator: HeadAblator, layer: int, mask: Bool[Tensor, "rows 1 heads 1"]):
        self._ablator = ablator
        self._layer = layer
        self._mask = mask
        self._sites: HeadSites = ablator._sites
        self._value = ablator._ablation.replacement(self._sites.layers[layer])

    def __call__(self, projection: Any, args: tuple) -> tuple | None:
        if not self._ablator._active:
            return None
        flat: Float[Tensor, "batch seq width"] = args[0]
        self._check_rows(flat)
        if self._mask.device != flat.device:
            self._mask = self._mask.to(flat.device)
        self._ablator._firings[self._layer] += 1
        return (replaced(flat, self._mask, self._value), *args[1:])

    def _check_rows(self, flat: Tensor) -> None:
        if self._ablator._per_row and flat.shape[0] != len(self._mask):
            raise InvalidInput(
                f"per-row ablation was given {len(self._mask)} rows of heads, but the batch has "
                f"{flat.shape[0]}: give one set of heads per row of the batch"
            )
