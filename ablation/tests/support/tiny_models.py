"""Tiny random models, at least one for every family and kind of attention."""

from functools import cache
from pathlib import Path
from typing import Any

import tokenizers
import torch
import transformers as hf

from ablation.hooks.attention import kernel_for
from ablation.hooks.families import FAMILIES, Family
from ablation.modes.refused import refused
from ablation.tests.support.tiny_configs import CONFIGS, HIDDEN, LAYERS, VOCAB

__all__ = ["CONFIGS", "HIDDEN", "LAYERS", "VOCAB"]


@cache  # asked for by a thousand cases while they are collected
def model_class(name: str) -> Any:
    """The class of the tiny model called ``name``."""
    return hf.AutoModelForCausalLM._model_mapping[type(CONFIGS[name]())]


def family(name: str) -> Family:
    """Its row."""
    return FAMILIES[model_class(name).__name__]


def allows(name: str, mode: str) -> bool:
    """Whether the family of the tiny model can be had in a mode, as tests call it; else refused."""
    row = family(name)
    keeps = mode == "zero-keep-bias"
    return (row.averages_values or not keeps) and refused(row, mode.replace("-", "_")) is None


def tiny_model(name: str, seed: int = 0) -> Any:
    """The tiny model called ``name``, fp32, with every weight and bias random and non-zero."""
    torch.manual_seed(seed)
    kernel = kernel_for(model_class(name))  # as models are loaded
    model = model_class(name)._from_config(CONFIGS[name](), attn_implementation=kernel)
    with torch.no_grad():
        for parameter in model.parameters():
            # Biases start at 0 and norms at 1; a fault in either must show.
            parameter.add_(0.1 * torch.randn_like(parameter))
    model.generation_config = hf.GenerationConfig(eos_token_id=2, pad_token_id=0)
    return model.eval()


def random_ids(length: int, rows: int = 1, seed: int = 1) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(3, VOCAB, (rows, length), generator=generator)


BYTES = 256
SPECIAL = ("<bos>", "<eos>")


def byte_tokenizer(chat: bool = False, adds_bos: bool = False) -> Any:
    """A fast tokenizer with one token per byte, for prompts without any asset."""
    alphabet = sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())
    vocab = {token: number for number, token in enumerate([*alphabet, *SPECIAL])}
    backend = tokenizers.Tokenizer(tokenizers.models.BPE(vocab=vocab, merges=[]))
    backend.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = tokenizers.decoders.ByteLevel()
    if adds_bos:
        backend.post_processor = tokenizers.processors.TemplateProcessing(
            single="<bos> $A", special_tokens=[("<bos>", vocab["<bos>"])]
        )
    tokenizer = hf.PreTrainedTokenizerFast(
        tokenizer_object=backend, bos_token="<bos>", eos_token="<eos>", pad_token="<eos>"
    )
    if chat:
        tokenizer.chat_template = (
            "{% for message in messages %}[{{ message['content'] }}]{% endfor %}"
            "{% if add_generation_prompt %}>{% endif %}"
        )
    return tokenizer


def tiny_directory(
    path: Path, *, layers: int = 4, heads: int = 16, context: int = 2048, adds_bos: bool = False
) -> Path:
    """A tiny random Llama with a byte tokenizer, saved as a model directory."""
    torch.manual_seed(0)
    config = hf.LlamaConfig(
        vocab_size=BYTES + len(SPECIAL),
        hidden_size=4 * heads,
        intermediate_size=48,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=heads // 2,
        max_position_embeddings=context,
        bos_token_id=BYTES,
        eos_token_id=BYTES + 1,
        pad_token_id=BYTES + 1,
    )
    hf.LlamaForCausalLM(config).save_pretrained(path)
    byte_tokenizer(adds_bos=adds_bos).save_pretrained(path)
    return path


def family_directory(path: Path, name: str, **changes: Any) -> Path:
    """The tiny model called ``name`` with a byte tokenizer, saved as a model directory.

    Args:
        path: of the directory.
        name: of the configuration.
        changes: what is different in it, such as ``heads``.
    """
    torch.manual_seed(0)
    special = {"bos_token_id": BYTES, "eos_token_id": BYTES + 1, "pad_token_id": BYTES + 1}
    config = CONFIGS[name](vocab_size=BYTES + len(SPECIAL), **special, **changes)
    model_class(name)(config).save_pretrained(path)
    byte_tokenizer().save_pretrained(path)
    return path
