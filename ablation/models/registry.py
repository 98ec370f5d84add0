"""Models by key, directory or hub id: what each is and how it is asked."""

import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ablation.assets.file_names import slug, told_apart
from ablation.errors import InvalidInput
from ablation.hooks.families import family_from
from ablation.prompts.styles import PLAIN, STYLES, PromptStyle

WIDTHS = {"float32": 4, "bfloat16": 2, "float16": 2}
"""Bytes of a weight by its dtype."""

DTYPES = tuple(WIDTHS)

AUTO = "auto"
"""As a device: all GPUs there are, and the CPU's memory, see ``ablation.models.placement``."""

EMBEDDED_MODEL = "smollm2"
"""The model that needs no hub: it comes out of a wheel on the package index."""


@dataclass(frozen=True)
class ModelSpec:
    """What is known of a model before it is loaded.

    Attributes:
        key: the model's name in result paths and test ids, one for each model; of a registered one
            also what ``--model`` takes.
        name: its full name.
        style: how it is asked.
        token_lengths: the prompt lengths of its cells in the grid, in tokens.
        text: the text its perplexity is measured on, unless another is given.
        text_tokens: how many tokens of it.
        asset: the embedded asset that holds it, or None.
        directory: the local directory that holds it, or None.
        gguf: the local GGUF file that holds it, or None.
        hub_id: its id on the model hub, or None. One of the four is given.
        site: where its heads are, as ``hooks.families.family_from`` reads it; None: where the row
            of its class says.
    """

    key: str
    name: str
    style: PromptStyle = PLAIN
    token_lengths: tuple[int, ...] = (512,)
    text: str = "embedded"
    text_tokens: int = 1024
    asset: str | None = None
    directory: Path | None = None
    gguf: Path | None = None
    hub_id: str | None = None
    site: str | None = None


def _on_hub(key: str, hub_id: str, token_lengths: tuple[int, ...], **more: Any) -> ModelSpec:
    return ModelSpec(key, hub_id, token_lengths=token_lengths, hub_id=hub_id, **more)


PAPER_LENGTHS = (2048, 4096, 6144, 8192)

MODELS: Mapping[str, ModelSpec] = {
    spec.key: spec
    for spec in (
        ModelSpec(
            EMBEDDED_MODEL,
            "SmolLM2-135M-Instruct (Q4_1, dequantised)",
            style=STYLES["chat"],
            asset="smollm2",
        ),
        # The exp10 study's own text.
        _on_hub("gpt2", "openai-community/gpt2", (512, 1000), text="wikitext2", text_tokens=2048),
        _on_hub("instruct", "meta-llama/Meta-Llama-3-8B-Instruct", PAPER_LENGTHS),
        _on_hub("base", "meta-llama/Meta-Llama-3-8B", PAPER_LENGTHS),
    )
}

GGUF = ".gguf"

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", re.ASCII)


def model_spec(name: str, style: str | None = None, site: str | None = None) -> ModelSpec:
    """The model called ``name``: a key of ``MODELS``, a directory, a GGUF file or a hub id.

    Args:
        name: which model.
        style: a key of ``STYLES`` to ask the model in; None: the registry's, or plain.
        site: where its heads are, if not where the row of its class says.

    Raises:
        InvalidInput: ``name`` is none of the four, the style is unknown, or the site not written
            as one.
    """
    spec = _resolve(name)
    if style is not None and style not in STYLES:
        raise InvalidInput(f"unknown prompt style {style!r}: choose one of {', '.join(STYLES)}")
    if site is not None:
        family_from(site)
    return replace(spec, style=spec.style if style is None else STYLES[style], site=site)


def _resolve(name: str) -> ModelSpec:
    if name in MODELS:
        return MODELS[name]
    path = Path(name)
    if name and path.is_dir():
        return ModelSpec(_key_of(path), path.resolve().name, directory=path)
    if path.suffix.lower() == GGUF:
        if not path.is_file():
            raise InvalidInput(f"model {name!r}: there is no such file")
        return ModelSpec(_key_of(path), path.name, gguf=path)
    if _HUB_ID.fullmatch(name):
        return ModelSpec(slug(name), name, hub_id=name)
    raise InvalidInput(
        f"unknown model {name!r}: give one of {', '.join(MODELS)}, an existing directory with a "
        "model, a .gguf file, or a hub id owner/name"
    )


def _key_of(path: Path) -> str:
    """What a directory is called: one key through whatever link, another once it has been moved."""
    whole = path.resolve()
    return told_apart(whole.name, hashlib.sha256(os.fsencode(whole)).hexdigest())
