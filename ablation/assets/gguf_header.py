"""What a GGUF file must say for its model to come out as it is.

transformers loads other files as well, and leaves out without a word what it does not know: a
scaled rotary embedding, how text is split before byte pairs are merged. Those are refused.
"""

from pathlib import Path
from typing import Any

import gguf

from ablation.errors import InvalidInput, first_line, shortened

ARCHITECTURES = ("llama", "qwen2", "qwen3")
"""Proven on tiny files: the model that was written is the one that is loaded."""

SMOLLM = "smollm"
"""Digits one by one, then as GPT-2; transformers does not know it and takes GPT-2's alone."""

PRE_TOKENIZERS = ("gpt-2", SMOLLM, "qwen2", "deepseek-r1-qwen")
"""How text may be split where pairs of bytes are merged, by llama.cpp's names. Not so Llama 3's: a
file need not say that a text begins with BOS, and that whole words go before merges."""

ROPE_FACTORS = "rope_freqs.weight"
"""The factors of Llama 3.1's rotary embedding; transformers passes over them."""

SCALED = ("rope.scaling.type", "rope.scaling.factor", "rope.scale_linear")
EXPERTS = "expert_count"

_REMEDY = "convert the original to safetensors and give that directory"


def header_of(path: Path) -> "gguf.GGUFReader":
    """The parts of a GGUF file; its weights stay where they are.

    Raises:
        InvalidInput: it cannot be read, or is none.
    """
    try:
        return gguf.GGUFReader(path)
    except Exception as error:  # numpy's, struct's, its own: whatever a damaged file leads to
        raise InvalidInput(f"{path}: no usable GGUF file: {first_line(error)}") from None


def check_gguf(path: Path) -> None:
    """Refuses a file whose model would come out otherwise than it is.

    Raises:
        InvalidInput: it is in several parts, of another architecture, has experts or scaled rotary
            positions, or splits text in a way that is not known.
    """
    header = header_of(path)
    if (parts := value_of(header, "split.count") or 1) > 1:
        raise InvalidInput(f"{path}: one of {parts} parts: join them (llama-gguf-split --merge)")
    architecture = value_of(header, "general.architecture")
    if architecture not in ARCHITECTURES:
        raise InvalidInput(
            f"{path}: a GGUF file of {', '.join(ARCHITECTURES)} is required, got "
            f"{shortened(architecture)}: {_REMEDY}"
        )
    if value_of(header, f"{architecture}.{EXPERTS}"):
        raise InvalidInput(
            f"{path}: it has experts, which transformers does not take from a GGUF file of "
            f"{architecture}: {_REMEDY}"
        )
    scaled = [value_of(header, f"{architecture}.{key}") for key in SCALED]
    factors = any(tensor.name == ROPE_FACTORS for tensor in header.tensors)
    if factors or any(value not in (None, "none", 1.0) for value in scaled):
        raise InvalidInput(
            f"{path}: its rotary positions are scaled, which transformers leaves out when it loads "
            f"a GGUF file: {_REMEDY}"
        )
    kind, split = value_of(header, "tokenizer.ggml.model"), pre_tokenizer_of(header)
    if kind != "gpt2" or split not in PRE_TOKENIZERS:
        raise InvalidInput(
            f"{path}: its text is split by {shortened(split if kind == 'gpt2' else kind)}, known "
            f"are {', '.join(PRE_TOKENIZERS)}: {_REMEDY}"
        )


def check_every_tensor(path: Path, model: Any) -> None:
    """Refuses a file of which ``model`` did not take every tensor, or to which one was made up.

    Raises:
        InvalidInput: they are not as many.
    """
    tied = model.config.tie_word_embeddings
    taken = [name for name in model.state_dict() if not (tied and name == "lm_head.weight")]
    if (there := len(header_of(path).tensors)) != len(taken):
        raise InvalidInput(
            f"{path}: it has {there} tensors, and transformers takes {len(taken)} for a model of "
            f"its architecture: {_REMEDY}"
        )


def pre_tokenizer_of(header: "gguf.GGUFReader") -> Any:
    """llama.cpp's name of how text is split; None if the file gives none."""
    return value_of(header, "tokenizer.ggml.pre")


def value_of(header: "gguf.GGUFReader", key: str) -> Any:
    """A field of the header; None if it is not there."""
    field = header.get_field(key)
    return None if field is None else field.contents()
