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

PRE_TOKENIZERS = (
    "gpt-2",
    SMOLLM,
    "llama-bpe",
    "llama3",
    "llama-v3",
    "qwen2",
    "deepseek-r1-qwen",
    "tekken",
)
"""How text may be split where pairs of bytes are merged, by llama.cpp's names."""

ROPE_FACTORS = "rope_freqs.weight"
"""The factors of Llama 3.1's rotary embedding; transformers passes over them."""

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
        InvalidInput: it is in several parts, of another architecture, has scaled rotary positions,
            or splits text in a way that is not known.
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
    scaling = value_of(header, f"{architecture}.rope.scaling.type") or "none"
    if scaling != "none" or any(tensor.name == ROPE_FACTORS for tensor in header.tensors):
        raise InvalidInput(
            f"{path}: its rotary positions are scaled, which transformers leaves out when it loads "
            f"a GGUF file: {_REMEDY}"
        )
    if value_of(header, "tokenizer.ggml.model") == "gpt2":
        split = pre_tokenizer_of(header)
        if split not in PRE_TOKENIZERS:
            raise InvalidInput(
                f"{path}: its text is split by {shortened(split)}, known are "
                f"{', '.join(PRE_TOKENIZERS)}: {_REMEDY}"
            )


def pre_tokenizer_of(header: "gguf.GGUFReader") -> Any:
    """llama.cpp's name of how text is split; None if the file gives none."""
    return value_of(header, "tokenizer.ggml.pre")


def value_of(header: "gguf.GGUFReader", key: str) -> Any:
    """A field of the header; None if it is not there."""
    field = header.get_field(key)
    return None if field is None else field.contents()
