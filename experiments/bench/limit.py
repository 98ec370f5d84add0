"""What no sweep can avoid: the multiply-adds that a head changes, at the machine's rate."""

import statistics
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from ablation.heads import Head
from ablation.hooks.sites import HeadSites, head_sites
from ablation.models.loading import LoadedModel

REPEATS = 9


@dataclass(frozen=True)
class Limit:
    """The least a sweep can cost on this machine.

    Attributes:
        flops: two for each multiply-add that cannot be avoided.
        rate: flops per second of the linear layers, at their shapes.
        seconds: what those flops take, each linear layer at the rate of its own shape and
            attention at ``rate``.
    """

    flops: float
    rate: float
    seconds: float


@torch.inference_mode()
def limit_of(loaded: LoadedModel, heads: Sequence[Head], tokens: int) -> Limit:
    """The limit of ablating each of ``heads`` alone on one window of ``tokens`` tokens.

    A head in layer l changes its own product with W_O, the MLP of l, all layers behind, and the
    unembedding. What is not ablated is computed once, up to attention in the last of the heads'
    layers. Normalisations, activations, positions and the softmax are left out.
    """
    sites = head_sites(loaded.model)
    work = _unavoidable(sites, heads, tokens)
    unembedding = loaded.model.get_output_embeddings()
    work.linear[_shape(unembedding)] += len(heads) * tokens
    modules = {_shape(module): module for block in _blocks(sites) for module in _linears(block)}
    modules[_shape(unembedding)] = unembedding
    of_shape = {shape: _seconds_per_row(modules[shape], tokens) for shape in work.linear}
    linear_seconds = sum(rows * of_shape[shape] for shape, rows in work.linear.items())
    linear_flops = sum(2.0 * rows * wide * out for (wide, out), rows in work.linear.items())
    rate = linear_flops / linear_seconds
    return Limit(
        flops=linear_flops + work.attention_flops,
        rate=rate,
        seconds=linear_seconds + work.attention_flops / rate,
    )


@dataclass
class _Work:
    """Rows through linear layers, by their shape (in, out), and the flops of attention itself."""

    linear: Counter[tuple[int, int]]
    attention_flops: float


def _unavoidable(sites: HeadSites, heads: Sequence[Head], tokens: int) -> _Work:
    work = _Work(Counter(), 0.0)
    by_layer = Counter(head.layer for head in heads)
    runs = 1  # the unablated stream
    for layer, site in enumerate(sites.layers):
        before = [module for module in _linears(site.attention) if module is not site.projection]
        inside = {id(module) for module in _linears(site.attention)}
        behind = [module for module in _linears(site.block) if id(module) not in inside]
        # Once all sampled layers lie behind, the unablated stream has done its work.
        if layer > max(by_layer):
            runs = len(heads)
        for module in before:
            work.linear[_shape(module)] += runs * tokens
        # Causal: half of the products of queries with keys, and of weights with values.
        work.attention_flops += runs * 2.0 * tokens * tokens * site.projection_width
        goes_on = runs + by_layer[layer] - (layer == max(by_layer))
        others = goes_on - by_layer[layer]
        work.linear[_shape(site.projection)] += others * tokens
        # One head's rows of W_O are a part of the whole product, at the same rate.
        share = by_layer[layer] * tokens / sites.layers[layer].heads
        work.linear[_shape(site.projection)] += round(share)
        for module in behind:
            work.linear[_shape(module)] += goes_on * tokens
        runs = goes_on
    return work


def _blocks(sites: HeadSites) -> list[nn.Module]:
    return [site.block for site in sites.layers]


def _linears(module: nn.Module) -> list[Any]:
    """The linear layers in a module; GPT-2 calls its own Conv1D."""
    return [part for part in module.modules() if hasattr(part, "weight") and part.weight.ndim == 2]


def _shape(module: Any) -> tuple[int, int]:
    wide, out = module.weight.shape[::-1] if isinstance(module, nn.Linear) else module.weight.shape
    return int(wide), int(out)


def _seconds_per_row(module: Any, tokens: int) -> float:
    rows = min(tokens, 256) if _shape(module)[1] > 16 * _shape(module)[0] else tokens
    states = torch.randn(rows, _shape(module)[0], dtype=module.weight.dtype)
    states = states.to(module.weight.device)
    module(states)
    seconds = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        module(states)
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds) / rows
