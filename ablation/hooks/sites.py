"""Where the heads of a model are: one table from model class to the modules that matter.

The site of a head is z, its slice of the *input* of the attention's output projection. A slice of
the projection's output is not a head: every head is spread over all of it.

To add an architecture, add a row to ``ARCHITECTURES`` and a tiny configuration of it to
``ablation/tests/support/tiny_models.py``; the tests there prove the row.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ablation.errors import InvalidInput
from ablation.heads import HeadGrid


@dataclass(frozen=True)
class Architecture:
    """Module paths of one family of causal language models.

    Attributes:
        layers: path from the base model (``model.base_model``) to its list of layers.
        attention: path from a layer to its attention.
        output_projection: path from the attention to the projection whose input is z.
        final_norm: path from the base model to the normalisation after its last layer.
        value_bias: gives, for a layer, the constant part of its values: what the value projection
            makes of a token whose input is 0 before the bias of the normalisation ahead of it.
            One row per key-value head flattened to ``(kv_heads * head_dim,)``, or None for 0.
        learned_positions: positions come out of a table that ends at the context's length.
    """

    layers: str
    attention: str
    output_projection: str
    final_norm: str
    value_bias: Callable[[Any], Tensor | None]
    learned_positions: bool = False


def _separate_value_bias(block: Any) -> Tensor | None:
    # The normalisations of these families (RMS) have no bias.
    return block.self_attn.v_proj.bias


def _fused_value_bias(block: Any) -> Tensor:
    # GPT-2 lays q, k and v side by side in one projection, v last; Conv1D stores (in, out). Its
    # LayerNorm has a bias, which reaches z through the value weights.
    weight = block.attn.c_attn.weight.chunk(3, dim=1)[2].float()
    bias = block.attn.c_attn.bias.chunk(3)[2].float()
    return bias + block.ln_1.bias.float() @ weight


_LLAMA_LIKE = Architecture("layers", "self_attn", "o_proj", "norm", _separate_value_bias)

ARCHITECTURES: Mapping[str, Architecture] = {
    "GPT2LMHeadModel": Architecture(
        "h", "attn", "c_proj", "ln_f", _fused_value_bias, learned_positions=True
    ),
    "GraniteForCausalLM": _LLAMA_LIKE,
    "LlamaForCausalLM": _LLAMA_LIKE,
    "MistralForCausalLM": _LLAMA_LIKE,
    "Olmo2ForCausalLM": _LLAMA_LIKE,
    "Qwen2ForCausalLM": _LLAMA_LIKE,
    "Qwen3ForCausalLM": _LLAMA_LIKE,
    "SmolLM3ForCausalLM": _LLAMA_LIKE,
}


def architecture_of(model_class: str) -> Architecture:
    """The row of the table for ``model_class``.

    Raises:
        InvalidInput: the class has no row: not a causal language model, or not a known one.
    """
    try:
        return ARCHITECTURES[model_class]
    except KeyError:
        raise InvalidInput(
            f"no known head site for model class {model_class}: a causal language model out of "
            f"{', '.join(ARCHITECTURES)} is required; to add one, add its row to "
            "ablation/hooks/sites.py"
        ) from None


@dataclass(frozen=True)
class LayerSite:
    """The heads of one layer.

    Attributes:
        layer: its number, from 0.
        block: the whole layer; the residual stream is what goes into it and comes out.
        attention: its attention module.
        projection: the output projection; its input ``(batch, seq, heads * head_dim)`` is z.
        value_bias: the constant that every token's value adds to z, ``(heads, head_dim)``, or
            None for 0; attention weights sum to 1, so it arrives in z unchanged.
    """

    layer: int
    block: nn.Module
    attention: nn.Module
    projection: nn.Module
    value_bias: Tensor | None

    @property
    def projection_width(self) -> int:
        """How many values z has at a position, over all heads."""
        return _input_width(self.projection)


@dataclass(frozen=True)
class HeadSites:
    """The head sites of a model: ``grid`` × ``head_dim``, one ``LayerSite`` per layer.

    Attributes:
        base_model: the model without its output embedding.
        final_norm: the normalisation between the last layer and the output embedding.
        grid: layers and heads.
        head_dim: values of a head at a position.
        layers: where the heads of each layer are.
    """

    base_model: nn.Module
    final_norm: nn.Module
    grid: HeadGrid
    head_dim: int
    layers: tuple[LayerSite, ...]

    def output_weight(self, layer: int) -> Float[Tensor, "heads head_dim hidden"]:
        """W_O of ``layer``: the head's contribution to the residual stream is ``z[h] @ W_O[h]``."""
        projection: Any = self.layers[layer].projection
        # nn.Linear stores (out, in); GPT-2's Conv1D stores (in, out).
        weight = projection.weight.T if isinstance(projection, nn.Linear) else projection.weight
        return weight.reshape(self.grid.heads, self.head_dim, -1)


def _input_width(projection: Any) -> int:
    return projection.in_features if isinstance(projection, nn.Linear) else projection.nx


def head_sites(model: Any) -> HeadSites:
    """Finds the head sites of a causal language model of transformers.

    ``head_dim`` is the width of the projection's input over the number of query heads, since
    hidden size // heads is wrong for models that choose their head_dim freely.

    Raises:
        InvalidInput: the model's class has no row in the table.
    """
    architecture = architecture_of(type(model).__name__)
    base_model = model.base_model
    heads = model.config.num_attention_heads
    modules = []
    for block in base_model.get_submodule(architecture.layers):
        attention = block.get_submodule(architecture.attention)
        modules.append((block, attention, attention.get_submodule(architecture.output_projection)))
    width = _input_width(modules[0][2])
    head_dim, rest = divmod(width, heads)
    if rest:
        raise InvalidInput(
            f"{type(model).__name__}: the output projection takes {width} inputs, which is not a "
            f"multiple of its {heads} query heads"
        )
    return HeadSites(
        base_model=base_model,
        final_norm=base_model.get_submodule(architecture.final_norm),
        grid=HeadGrid(len(modules), heads),
        head_dim=head_dim,
        layers=tuple(
            LayerSite(
                layer,
                block,
                attention,
                projection,
                _bias_per_head(architecture.value_bias(block), heads, head_dim),
            )
            for layer, (block, attention, projection) in enumerate(modules)
        ),
    )


def _bias_per_head(
    bias: Tensor | None, heads: int, head_dim: int
) -> Float[Tensor, "heads head_dim"] | None:
    if bias is None:
        return None
    per_kv_head = bias.detach().view(-1, head_dim)
    # Grouped-query attention: neighbouring query heads share a key-value head.
    return torch.repeat_interleave(per_kv_head, heads // per_kv_head.shape[0], dim=0)
