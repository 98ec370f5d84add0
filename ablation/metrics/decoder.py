"""The part of a causal language model that makes hidden states: what its own forward calls."""

from typing import Any

from torch import nn


def decoder_of(model: Any) -> nn.Module:
    """The decoder of a causal language model of transformers, or the decoder itself.

    It is the base model but where that wraps it (OPT) or is not named as the class says (Llama 4).
    """
    if not hasattr(model, "get_decoder"):
        return model
    decoder = model.get_decoder()
    return model.model if decoder is model and hasattr(model, "model") else decoder


def path_of_decoder(model: Any) -> tuple[nn.Module, str]:
    """The module that has the decoder, and what it calls it."""
    decoder = decoder_of(model)
    for module in model.modules():
        for name, child in module.named_children():
            if child is decoder:
                return module, name
    raise LookupError(f"{type(model).__name__} has no decoder of its own")
