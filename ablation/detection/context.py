"""The context of a prompt, run once for all that is read on top of it."""

import copy
from collections.abc import Sequence
from typing import Any

import torch


class Context:
    """What is before a question: its keys and values, computed when they are first asked for.

    Several questions and several methods read on from the same context, and nearly all of a
    prompt's tokens are in it. Memory: keys and values of all layers, and of one copy at a time.
    """

    def __init__(self, model: Any, ids: Sequence[int]) -> None:
        self.ids = tuple(ids)
        self._model = model
        self._cache: Any = None

    @torch.inference_mode()
    def cache(self) -> Any:
        """A copy of its key-value cache, which may grow."""
        if self._cache is None:
            ids = torch.tensor([self.ids], device=self._model.device)
            self._cache = self._model.base_model(input_ids=ids, use_cache=True).past_key_values
        return copy.deepcopy(self._cache)
