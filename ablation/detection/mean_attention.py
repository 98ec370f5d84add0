"""Mean attention of a few query rows, read while sdpa computes the rest of the model.

``output_attentions`` forces eager attention and forms the full ``seq × seq`` matrix in every
layer. Here only the rows that are wanted are fed, on top of a key-value cache, so that just those
rows are formed, one layer at a time, and their mean is kept.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from ablation.attention import AttentionCall, observe_attention
from ablation.sites import head_sites


@contextmanager
def record_mean_attention(model: Any) -> Iterator[dict[int, Tensor]]:
    """Yields a dict that each forward pass fills: layer -> weights ``(batch, heads, keys)``.

    Weights are averaged over the rows, which are the tokens fed to that pass; keys are those in
    the cache and the rows themselves. With a sliding window the oldest keys may be gone: the last
    key is always the last token. Weights are the model's own, in fp32: position encoding, causal
    mask and scaling included.

    Raises:
        InvalidInput: the architecture bends its attention in a way not recorded here.
    """
    mean_weights: dict[int, Tensor] = {}

    def record(call: AttentionCall) -> None:
        mean_weights[call.layer] = call.weights().mean(dim=2)

    with observe_attention(model, record):
        yield mean_weights


def mean_attention(
    model: Any, rows: tuple[int, ...], cache: Any, length: int
) -> Float[Tensor, "layers heads keys"]:
    """Attention of ``rows``, fed on top of ``cache``, to each of ``length`` tokens so far.

    Args:
        model: a causal language model of transformers.
        rows: the ids of the tokens that attend; the cache grows by them.
        cache: keys and values of what is before them.
        length: how many tokens there are, the rows included.
    """
    ids = torch.tensor([rows], device=model.device)
    with record_mean_attention(model) as attention:
        model.base_model(input_ids=ids, past_key_values=cache, use_cache=True)
    layers = len(head_sites(model).layers)
    if sorted(attention) != list(range(layers)):
        raise RuntimeError(f"attention was recorded in layers {sorted(attention)} of {layers}")
    # Keys that fell out of a sliding window have no weight.
    padded = [
        torch.nn.functional.pad(attention[layer][0], (length - attention[layer].shape[-1], 0))
        for layer in range(layers)
    ]
    return torch.stack(padded)
