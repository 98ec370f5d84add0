"""Logits of final hidden states, as the model itself makes them.

Families scale or bend their logits after the output embedding (Granite, Cohere, Gemma 2). So the
model's own forward makes them, with the hidden states given in the place of its base model.
"""

from typing import Any

from jaxtyping import Float
from torch import Tensor, nn
from transformers.modeling_outputs import BaseModelOutputWithPast


def logits_of(
    model: Any, hidden: Float[Tensor, "batch seq hidden"]
) -> Float[Tensor, "batch seq vocab"]:
    """The logits that ``model`` gives where its base model gives ``hidden``."""
    name = model.base_model_prefix
    base_model = getattr(model, name)
    # Not its forward alone: hooks of the base model count the passes of an ablator.
    setattr(model, name, _Gives(hidden))
    try:
        return model(inputs_embeds=hidden, use_cache=False).logits
    finally:
        setattr(model, name, base_model)


class _Given(BaseModelOutputWithPast):
    """The output of a base model of any family: what else it may have is None."""

    def __getattr__(self, name: str) -> None:
        if name.startswith("__"):
            raise AttributeError(name)


class _Gives(nn.Module):
    """Stands in for a base model, and gives ``hidden``."""

    def __init__(self, hidden: Tensor) -> None:
        super().__init__()
        self._hidden = hidden

    def forward(self, *args: Any, **kwargs: Any) -> BaseModelOutputWithPast:
        return _Given(last_hidden_state=self._hidden)
