"""What the attention layers of a tiny random Llama compute, with and without their queries."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from typing import Any

import torch
from transformers.models.llama.modeling_llama import apply_rotary_pos_emb

from ablation.tests.support.tiny_models import random_ids, tiny_model

POSITIONS = 24


@cache
def tiny_llama() -> Any:
    """Random weights, grouped-query attention."""
    return tiny_model("llama-gqa")


class Layer:
    """What one attention layer computed: queries, keys, values and outputs, by query head."""

    def __init__(self, tensors: Any, config: Any, rotary: Any) -> None:
        self.heads = config.num_attention_heads
        queries, keys, values, outputs = (
            tensors[name].unflatten(-1, (-1, config.head_dim)).transpose(0, 1)
            for name in ("q_proj", "k_proj", "v_proj", "o_proj")
        )
        queries, keys = apply_rotary_pos_emb(queries[None], keys[None], *rotary)
        group = self.heads // config.num_key_value_heads
        self.queries, self.outputs = queries[0].double().numpy(), outputs.double().numpy()
        self.keys, self.values = (
            found.repeat_interleave(group, dim=0).double().numpy() for found in (keys[0], values)
        )


@contextmanager
def zeroed_queries(model: Any, layer: int) -> Iterator[None]:
    """Zeroes the queries of a layer's heads: what one of them gives, the others do not touch."""
    projection = model.model.layers[layer].self_attn.q_proj
    handle = projection.register_forward_hook(lambda module, arguments, output: 0 * output)
    try:
        yield
    finally:
        handle.remove()


def layers_of(model: Any) -> list[Layer]:
    """One forward pass of the tiny model, as ``Layer``s."""
    kept: list[dict[str, torch.Tensor]] = [{} for _ in model.model.layers]

    def keep(found: Any, name: str) -> Any:
        def after(module: Any, arguments: Any, output: Any) -> None:
            found[name] = (arguments[0] if name == "o_proj" else output)[0]

        return after

    with ExitStack() as stack, torch.no_grad():
        for found, block in zip(kept, model.model.layers, strict=True):
            for name in ("q_proj", "k_proj", "v_proj", "o_proj"):
                module = getattr(block.self_attn, name)
                stack.callback(module.register_forward_hook(keep(found, name)).remove)
        model(random_ids(POSITIONS))
        rotary = model.model.rotary_emb(torch.zeros(1), torch.arange(POSITIONS)[None])
    return [Layer(found, model.config, rotary) for found in kept]
