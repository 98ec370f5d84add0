"""The sweep of all heads, sampled: the engine, a loop of pre-hooks, a TransformerBridge loop."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor

from ablation.heads import Head, HeadGrid
from ablation.hooks.sites import head_sites
from ablation.metrics.perplexity import Perplexity
from ablation.models.loading import LoadedModel
from ablation.modes.zero import ZeroAblation
from experiments.bench.pre_hooks import zero_head


def sampled_heads(grid: HeadGrid, layers: int, heads: int) -> list[Head]:
    """``heads`` heads in each of ``layers`` layers, both spread evenly over the model."""
    return [
        Head(layer, head)
        for layer in spread(grid.layers, layers)
        for head in spread(grid.by_layer[layer], heads)
    ]


def spread(size: int, count: int) -> list[int]:
    """``count`` different numbers below ``size``, evenly spread, the first and last among them."""
    if count == 1:
        return [size // 2]
    count = min(size, count)
    return [round(place * (size - 1) / (count - 1)) for place in range(count)]


def by_engine(
    loaded: LoadedModel, ids: Int[Tensor, " tokens"], heads: Sequence[Head]
) -> list[float]:
    """NLL per token with each head ablated alone, by the model's engine."""
    found: dict[int, Perplexity] = {}
    for measurement in loaded.engine.perplexities(
        loaded.model, ids, [(head,) for head in heads], ZeroAblation(), window=ids.numel()
    ):
        found |= dict.fromkeys(measurement.members, measurement.measure())
    return [found[place].nll for place in range(len(heads))]


@torch.inference_mode()
def by_pre_hooks(
    loaded: LoadedModel, ids: Int[Tensor, " tokens"], heads: Sequence[Head]
) -> list[float]:
    """The same by a hook on the output projection, and the model's own loss, head after head."""
    sites, found = head_sites(loaded.model), []
    for head in heads:
        handle = zero_head(sites, head)
        try:
            found.append(loaded.model(ids[None], labels=ids[None], use_cache=False).loss.item())
        finally:
            handle.remove()
    return found


def bridge_loop(loaded: LoadedModel) -> Callable[[Tensor, Sequence[Head]], list[float]]:
    """The same by ``run_with_hooks``. The bridge takes the model apart; give it one of its own.

    Raises:
        ImportError: TransformerLens is not installed.
    """
    from transformer_lens.model_bridge import TransformerBridge

    bridge = TransformerBridge.boot_transformers(
        loaded.spec.name.split()[0], hf_model=loaded.model, tokenizer=loaded.tokenizer
    )

    @torch.inference_mode()
    def loop(ids: Tensor, heads: Sequence[Head]) -> list[float]:
        found = []
        for head in heads:

            def zero(z: Tensor, hook: Any, index: int = head.head) -> Tensor:
                z = z.clone()
                z[:, :, index] = 0
                return z

            loss = bridge.run_with_hooks(
                ids[None], return_type="loss",
                fwd_hooks=[(f"blocks.{head.layer}.attn.hook_z", zero)],
            )  # fmt: skip
            found.append(loss.item())
        return found

    return loop
