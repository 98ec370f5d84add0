"""Logits of final hidden states, as the model itself makes them.

Families scale or bend their logits after the output embedding (Granite, Cohere, Gemma 2). So the
model's own forward makes them, with the hidden states given in the place of its decoder.

Of a model in a narrower dtype only the output embedding is replaced, see ``use_fp32_logits``.
"""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from transformers.modeling_outputs import BaseModelOutputWithPast

from ablation.errors import InvalidInput
from ablation.metrics.decoder import path_of_decoder

PIECE = 1 << 20
"""Weights of the output embedding that are widened at once: what a core's cache holds."""


def use_fp32_logits(model: Any) -> None:
    """Lets a model in bfloat16 or float16 make its logits in fp32; one in fp32 does so anyway.

    bfloat16 tells numbers near 20 apart by eighths, so that the largest logits of a vocabulary are
    often equal, and the answer is whichever token comes first.

    Raises:
        InvalidInput: the output embedding is no linear layer.
    """
    embedding = model.get_output_embeddings()
    if embedding is None or embedding.weight.dtype is torch.float32:
        return
    if type(embedding) is not nn.Linear:
        raise InvalidInput(
            f"{type(model).__name__}: an output embedding that is a linear layer is required for "
            f"logits in fp32, got a {type(embedding).__name__}: use --dtype float32"
        )
    embedding.__class__ = Fp32Logits


class Fp32Logits(nn.Linear):
    """An output embedding in a narrower dtype whose products and sums are fp32.

    The weights are widened piece by piece, so that no second copy of them lies in memory.
    """

    def forward(self, states: Float[Tensor, "*rest hidden"]) -> Float[Tensor, "*rest vocab"]:
        rows = max(1, PIECE // self.in_features)
        wide = states.float()
        pieces = [nn.functional.linear(wide, part.float()) for part in self.weight.split(rows)]
        logits = torch.cat(pieces, dim=-1)
        return logits if self.bias is None else logits + self.bias.float()


def logits_of(
    model: Any, hidden: Float[Tensor, "batch seq hidden"]
) -> Float[Tensor, "batch seq vocab"]:
    """The logits that ``model`` gives where its decoder gives ``hidden``."""
    owner, name = path_of_decoder(model)
    decoder = getattr(owner, name)
    # Not its forward alone: hooks of the decoder count the passes of an ablator.
    setattr(owner, name, _Gives(hidden))
    try:
        return model(inputs_embeds=hidden, use_cache=False).logits
    finally:
        setattr(owner, name, decoder)


class _Given(BaseModelOutputWithPast):
    """The output of a decoder of any family: what else it may have is None."""

    def __getattr__(self, name: str) -> None:
        if name.startswith("__"):
            raise AttributeError(name)


class _Gives(nn.Module):
    """Stands in for a decoder, and gives ``hidden``."""

    def __init__(self, hidden: Tensor) -> None:
        super().__init__()
        self._hidden = hidden

    def forward(self, *args: Any, **kwargs: Any) -> BaseModelOutputWithPast:
        return _Given(last_hidden_state=self._hidden)
