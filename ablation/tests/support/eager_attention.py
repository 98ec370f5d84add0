"""The attention weights that a model itself forms, where it is asked for them."""

from contextlib import ExitStack

import torch
from torch.nn.utils.rnn import pad_sequence


def eager_attention(model, ids):
    """The full attention matrices, ``(layers, heads, seq, seq)``; 0 of heads a layer has not."""
    before = model.config._attn_implementation
    _set_attention(model, "eager")
    with torch.no_grad(), ExitStack() as stack:
        for module in model.modules():
            if type(module).__name__ == "FalconAttention":
                hook = module.register_forward_pre_hook(_bias_once, with_kwargs=True)
                stack.callback(hook.remove)
        attentions = model(torch.tensor([ids]), output_attentions=True).attentions
    _set_attention(model, before)
    return pad_sequence([layer[0] for layer in attentions], batch_first=True)


def _set_attention(model, name):
    model.set_attn_implementation(name)
    model.config._attn_implementation = name  # some families do not let it be set


def _bias_once(module, args, kwargs):
    """In eager attention Falcon adds ALiBi to the products, and has it in its mask, too."""
    if kwargs["alibi"] is not None:
        kwargs["alibi"] = torch.zeros_like(kwargs["alibi"])
    return args, kwargs
