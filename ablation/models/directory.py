"""Where the files of a model lie, and a fingerprint of them."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from ablation.assets.bounded_files import read_bytes
from ablation.assets.embedded import cached, find
from ablation.assets.hub import from_hub
from ablation.assets.store import sha256_of
from ablation.errors import AssetError, InvalidInput
from ablation.hooks.families import FAMILIES, family_from
from ablation.models.plain_weights import refuse_adapter, refuse_own_code, refuse_quantised
from ablation.models.registry import ModelSpec
from ablation.models.text_model import WRAPPERS, class_inside
from ablation.models.unpacked import unpacked

DESCRIPTIONS = ("*.json", "*.txt", "*.model", "*.jinja")
"""What a model is described by: config and tokenizer."""

MODEL_FILES = ("*.safetensors", *DESCRIPTIONS)
"""What a model is read from: never pickle, never code."""

CONSOLIDATED = "consolidated*"
"""The same weights once more, under the names of another loader."""


def model_directory(spec: ModelSpec) -> Path:
    """Where the files of a model lie; fetches them if they are not there.

    Raises:
        InvalidInput: its hub id is none, it is a model of the hub that is not taken, or the model
            of its GGUF file cannot be had whole.
        Unavailable: the hub cannot be reached, or does not give the model.
        AssetError: the embedded model cannot be fetched, or weights cannot be stored.
    """
    if spec.asset is not None:
        return cached(spec.asset)
    if spec.directory is not None:
        return spec.directory
    if spec.gguf is not None:
        return unpacked(spec.gguf)
    assert spec.hub_id is not None
    described = _download(spec.hub_id, DESCRIPTIONS)
    # Before hours of downloading.
    refuse_described(described)
    _refuse_class(described, spec.site)
    return _download(spec.hub_id, MODEL_FILES)


def model_files(directory: Path) -> list[Path]:
    """The files that a model is read from, in the order of their names.

    Raises:
        InvalidInput: one is a pipe, a device or a folder: reading it might never end.
    """
    found = sorted(
        path
        for pattern in MODEL_FILES
        for path in directory.glob(pattern)
        if not path.match(CONSOLIDATED)
    )
    for path in found:
        if path.exists() and not path.is_file():
            raise InvalidInput(f"{path}: a regular file is required: remove what is there")
    return [path for path in found if path.exists()]


def model_class(directory: Path) -> str:
    """The class of transformers that is loaded from ``config.json``; "" if it names none."""
    try:
        config = json.loads(read_bytes(directory / "config.json"))
        named = str(config["architectures"][0])
        return class_inside(config) if named in WRAPPERS else named
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return ""  # what is wrong with it is said when it is loaded


def fingerprint(directory: Path, asset: str | None = None) -> str:
    """Hash over names and contents of weights, config and tokenizer.

    Args:
        directory: where they lie.
        asset: the asset that they are, or None; its files are compared with what was stored.

    Raises:
        InvalidInput: as ``model_files``.
        AssetError: a file of the asset has changed.
    """
    stored = {} if asset is None else find(asset).slot.manifest()
    digest = hashlib.sha256()
    for path in model_files(directory):
        of_file = sha256_of(path)
        recorded, _ = stored.get(f"{directory.name}/{path.name}", (of_file, 0))
        if recorded != of_file:
            raise AssetError(
                f"{path} has sha256 {of_file}, and {recorded} was stored: run `headclaims assets "
                f"remove {asset}`, it is made anew"
            )
        digest.update(path.name.encode())
        digest.update(of_file.encode())
    return digest.hexdigest()


def refuse_described(directory: Path) -> None:
    """Refuses adapters and quantised weights, by what lies beside the weights.

    Raises:
        InvalidInput: there are some.
    """
    refuse_adapter(directory)
    try:
        config = json.loads(read_bytes(directory / "config.json"))
    except (OSError, ValueError, RecursionError):
        return  # what is wrong with it is said when it is loaded
    if isinstance(config, dict):
        refuse_quantised(directory, config)


def _refuse_class(directory: Path, site: str | None) -> None:
    """Refuses a model whose class is not taken, before its weights are there."""
    named = model_class(directory)
    if site is not None:
        family_from(site, named)
    if not named or named in FAMILIES:
        return
    from transformers import AutoConfig

    from ablation.models.proposal import require_row

    parsed = None
    try:
        parsed = AutoConfig.from_pretrained(
            directory, trust_remote_code=False, local_files_only=True
        )
    except Exception as error:  # of any kind: then no site is proposed
        refuse_own_code(directory, error)
    if site is None:
        require_row(named[:80], parsed)


def _download(hub_id: str, patterns: Sequence[str]) -> Path:
    from huggingface_hub import snapshot_download

    return from_hub(
        f"model {hub_id}",
        "give a local copy: --model DIR, or its directory in the grid",
        lambda cached: snapshot_download(
            hub_id,
            local_files_only=cached,
            allow_patterns=list(patterns),
            ignore_patterns=["*/*", CONSOLIDATED],
        ),
    )
