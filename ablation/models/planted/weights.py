"""Weights set by hand, as the checkpoint of a Llama or of a GPT-2.

Both read a token from a row of one matrix, add what their heads write, and say the word whose row
of another matrix is nearest. Their norms change nearly nothing: every token is made to have mean 0
and mean square 1, and what heads write is small beside it. Their MLPs write nothing, GPT-2 has no
positions, and Llama's rotary positions leave the last pair of directions of a head nearly as they
are.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import transformers
from jaxtyping import Float
from safetensors.torch import save_file
from torch import Tensor

LLAMA, GPT2 = "llama", "gpt2"

MOST_TOKENS = 2048

LEVELLING = 2
"""How many directions of the residual stream, the last ones, give every token its length."""


@dataclass(frozen=True)
class HeadWeights:
    """What a head looks for, where, what it reads there and what it writes.

    Attributes:
        query, key, value: from the residual stream, in the head's own directions.
        output: from these to the residual stream.
    """

    query: Float[Tensor, "directions width"]
    key: Float[Tensor, "directions width"]
    value: Float[Tensor, "directions width"]
    output: Float[Tensor, "width directions"]

    @classmethod
    def nothing(cls, directions: int, width: int) -> "HeadWeights":
        """A head that looks everywhere alike and writes nothing; its matrices may be written to."""
        query, key, value = (torch.zeros(directions, width) for _ in range(3))
        return cls(query, key, value, torch.zeros(width, directions))


@dataclass(frozen=True)
class PlantedWeights:
    """A whole model.

    Attributes:
        embedded: what each word says at the bottom.
        said: the direction that says it at the top.
        layers: the heads of each layer, as many in each as fill the width.
    """

    embedded: Float[Tensor, "words width"]
    said: Float[Tensor, "words width"]
    layers: Sequence[Sequence[HeadWeights]]


def save(path: Path, weights: PlantedWeights, tokenizer: Any, architecture: str) -> Path:
    """Saves the model with its tokenizer as a directory that ``--model`` takes.

    Args:
        path: where.
        weights: the model; the last directions of its stream are taken to level its tokens.
        tokenizer: a fast one with ``bos_token_id`` and ``eos_token_id``.
        architecture: ``LLAMA`` or ``GPT2``.
    """
    model = _MADE[architecture](weights, tokenizer)
    model.config.architectures = [type(model).__name__]
    model.config.save_pretrained(path)
    save_file(model.state_dict(), path / "model.safetensors", {"format": "pt"})
    tokenizer.save_pretrained(path)
    return path


def _llama(weights: PlantedWeights, tokenizer: Any) -> Any:
    words, width = weights.embedded.shape
    heads, directions = len(weights.layers[0]), len(weights.layers[0][0].query)
    config = transformers.LlamaConfig(
        vocab_size=words,
        hidden_size=width,
        intermediate_size=8,
        num_hidden_layers=len(weights.layers),
        num_attention_heads=heads,
        num_key_value_heads=heads,
        head_dim=directions,
        max_position_embeddings=MOST_TOKENS,
        rope_theta=1e8,
        tie_word_embeddings=False,
        **_special(tokenizer),
    )
    model = transformers.LlamaForCausalLM(config)
    with torch.no_grad():
        model.model.embed_tokens.weight.copy_(_levelled(weights.embedded))
        model.lm_head.weight.copy_(weights.said)
        for block, of_layer in zip(model.model.layers, weights.layers, strict=True):
            attention = block.self_attn
            block.mlp.down_proj.weight.zero_()
            for name in ("query", "key", "value"):
                rows = torch.cat([getattr(head, name) for head in of_layer])
                getattr(attention, f"{name[0]}_proj").weight.copy_(rows)
            attention.o_proj.weight.copy_(_outputs(of_layer))
    return model


def _gpt2(weights: PlantedWeights, tokenizer: Any) -> Any:
    words, width = weights.embedded.shape
    config = transformers.GPT2Config(
        vocab_size=words,
        n_positions=MOST_TOKENS,
        n_embd=width,
        n_layer=len(weights.layers),
        n_head=len(weights.layers[0]),
        n_inner=8,
        tie_word_embeddings=False,
        **_special(tokenizer),
    )
    model = transformers.GPT2LMHeadModel(config)
    with torch.no_grad():
        model.transformer.wte.weight.copy_(_levelled(weights.embedded))
        model.transformer.wpe.weight.zero_()
        model.lm_head.weight.copy_(weights.said)
        for block, of_layer in zip(model.transformer.h, weights.layers, strict=True):
            block.mlp.c_proj.weight.zero_()
            every = [getattr(head, name) for name in ("query", "key", "value") for head in of_layer]
            # Its projections multiply from the right.
            block.attn.c_attn.weight.copy_(torch.cat(every).T)
            block.attn.c_proj.weight.copy_(_outputs(of_layer).T)
    return model


_MADE = {LLAMA: _llama, GPT2: _gpt2}


def _special(tokenizer: Any) -> Mapping[str, int]:
    end = tokenizer.eos_token_id
    return {"bos_token_id": tokenizer.bos_token_id, "eos_token_id": end, "pad_token_id": end}


def _outputs(of_layer: Sequence[HeadWeights]) -> Float[Tensor, "width all_directions"]:
    return torch.cat([head.output for head in of_layer], dim=1)


def _levelled(embedded: Float[Tensor, "words width"]) -> Float[Tensor, "words width"]:
    """With the last two directions such that each token has mean 0 and mean square 1."""
    assert LEVELLING == 2
    levelled = embedded.clone()
    total = embedded.sum(dim=1)
    left = embedded.shape[1] - embedded.square().sum(dim=1)
    # a + b = -total, a² + b² = left
    apart = (2 * left - total.square()).sqrt()
    levelled[:, -2] = (apart - total) / 2
    levelled[:, -1] = (-apart - total) / 2
    return levelled
