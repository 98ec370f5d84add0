"""Tiny random models, one configuration per row of the architecture table and attention kind."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import tokenizers
import torch
import transformers as hf

VOCAB = 97
LAYERS = 3
HIDDEN = 32

_COMMON = {
    "vocab_size": VOCAB,
    "hidden_size": HIDDEN,
    "num_hidden_layers": LAYERS,
    "max_position_embeddings": 256,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 0,
}


def _llama_like(config: Any, heads: int, kv_heads: int, **more: Any) -> Any:
    settings = {
        **_COMMON,
        "intermediate_size": 48,
        "num_attention_heads": heads,
        "num_key_value_heads": kv_heads,
        **more,
    }
    return config(**settings)


CONFIGS: Mapping[str, Callable[[], Any]] = {
    "llama-mha": lambda: _llama_like(hf.LlamaConfig, 4, 4),
    "llama-gqa": lambda: _llama_like(hf.LlamaConfig, 4, 2),
    "llama-mqa": lambda: _llama_like(hf.LlamaConfig, 4, 1),
    "llama-head-dim": lambda: _llama_like(hf.LlamaConfig, 4, 2, head_dim=12),
    "llama-biases": lambda: _llama_like(hf.LlamaConfig, 4, 2, attention_bias=True),
    "mistral-window": lambda: _llama_like(hf.MistralConfig, 4, 2, sliding_window=16),
    "qwen2": lambda: _llama_like(hf.Qwen2Config, 4, 2),
    "qwen3": lambda: _llama_like(hf.Qwen3Config, 4, 2, head_dim=12),
    "qwen2-some-windows": lambda: _llama_like(
        hf.Qwen2Config, 4, 2, use_sliding_window=True, sliding_window=16, max_window_layers=1
    ),
    "granite": lambda: _llama_like(
        hf.GraniteConfig,
        4,
        2,
        embedding_multiplier=3.0,
        attention_multiplier=0.5,
        residual_multiplier=0.7,
        logits_scaling=4.0,
    ),
    "olmo2": lambda: _llama_like(hf.Olmo2Config, 4, 2),
    "smollm3": lambda: _llama_like(hf.SmolLM3Config, 4, 2),
    "gpt2": lambda: hf.GPT2Config(
        vocab_size=VOCAB,
        n_embd=HIDDEN,
        n_layer=LAYERS,
        n_head=4,
        n_positions=256,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=0,
    ),
}

WITH_VALUE_BIAS = ("llama-biases", "qwen2", "qwen2-some-windows", "gpt2")


def tiny_model(name: str, seed: int = 0) -> Any:
    """The tiny model called ``name``, fp32, with every weight and bias random and non-zero."""
    torch.manual_seed(seed)
    model = hf.AutoModelForCausalLM.from_config(CONFIGS[name](), attn_implementation="sdpa")
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


def tiny_directory(path: Path, *, layers: int = 4, heads: int = 16, adds_bos: bool = False) -> Path:
    """A tiny random Llama with a byte tokenizer, saved as a model directory; 64 heads."""
    torch.manual_seed(0)
    config = hf.LlamaConfig(
        vocab_size=BYTES + len(SPECIAL),
        hidden_size=4 * heads,
        intermediate_size=48,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=heads // 2,
        max_position_embeddings=2048,
        bos_token_id=BYTES,
        eos_token_id=BYTES + 1,
        pad_token_id=BYTES + 1,
    )
    hf.LlamaForCausalLM(config).save_pretrained(path)
    byte_tokenizer(adds_bos=adds_bos).save_pretrained(path)
    return path
