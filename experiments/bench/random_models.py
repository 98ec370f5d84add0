"""Models with random weights: what they compute means nothing, and takes as long as if it did."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
import transformers as hf

from ablation.models.loading import LoadedModel
from ablation.models.registry import ModelSpec
from ablation.prompts.prompt import Prompt

PAD, END = 0, 2


def llama_3_8b() -> Any:
    """Shapes of Meta-Llama-3-8B (its ``config.json``)."""
    return hf.LlamaConfig(
        vocab_size=128_256,
        hidden_size=4096,
        intermediate_size=14_336,
        num_hidden_layers=32,
        num_attention_heads=32,
        num_key_value_heads=8,
        max_position_embeddings=8192,
        rope_theta=500_000.0,
    )


def _tiny(config: Callable[..., Any], **more: Any) -> Callable[[], Any]:
    return lambda: config(
        vocab_size=97,
        hidden_size=64,
        intermediate_size=96,
        num_hidden_layers=3,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=512,
        **more,
    )


TINY: Mapping[str, Callable[[], Any]] = {
    "grouped queries": _tiny(hf.LlamaConfig),
    "biases": _tiny(hf.Qwen2Config),
    "a sliding window": _tiny(hf.MistralConfig, sliding_window=16),
    "a table of positions": lambda: hf.GPT2Config(
        vocab_size=97,
        n_embd=64,
        n_layer=3,
        n_head=4,
        n_positions=512,
        bos_token_id=1,
        eos_token_id=END,
    ),
}
"""Attention of each kind that the kernels treat in a way of its own."""


class Numbers:
    """The tokenizer of a model without words: a text is the numbers of its tokens."""

    def decode(self, tokens: Any, skip_special_tokens: bool = True) -> str:
        skipped = (PAD, END) if skip_special_tokens else ()
        return " ".join(str(int(token)) for token in tokens if int(token) not in skipped)

    def batch_decode(self, rows: Sequence[Any], skip_special_tokens: bool = True) -> list[str]:
        return [self.decode(row, skip_special_tokens) for row in rows]


def random_model(
    config: Any, device: str, dtype: str = "float32", attention: str = "sdpa"
) -> LoadedModel:
    """A model of ``config`` whose weights, norms and biases too, are drawn on ``device``."""
    torch.manual_seed(0)
    with torch.device(device):
        model = hf.AutoModelForCausalLM.from_config(
            config, dtype=getattr(torch, dtype), attn_implementation=attention
        )
        with torch.no_grad():
            for parameter in model.parameters():
                if parameter.dim() == 1:
                    parameter.add_(0.1 * torch.randn_like(parameter))
    model.generation_config = hf.GenerationConfig(eos_token_id=END, pad_token_id=PAD)
    spec = ModelSpec(key=f"random-{config.model_type}", name=f"random {config.model_type}")
    return LoadedModel(spec, model.eval(), Numbers(), Path())


def random_prompts(model: Any, length: int, count: int, common: float = 0.25) -> list[list[int]]:
    """Prompts of random tokens; the first part of all of them, a share of ``common``, is alike."""
    chance = torch.Generator().manual_seed(length)
    ids = torch.randint(3, model.config.vocab_size, (count, length), generator=chance)
    ids[:, : int(common * length)] = ids[0, : int(common * length)].clone()
    return ids.tolist()


def random_question(model: Any, length: int) -> Prompt:
    """A prompt of detection: random tokens, the needle in the middle, a question of 20 tokens."""
    ids = tuple(random_prompts(model, length, 1)[0])
    context, question = ids[:-20], ids[-20:]
    middle = len(context) // 2
    needle = (middle - 8, middle + 8)
    return Prompt(context, needle, question, question[:5], (), 0, needle, question[:2])
