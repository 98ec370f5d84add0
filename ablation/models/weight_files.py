"""What the safetensors of a model directory hold, known before anything is allocated for it.

A config that does not belong to the weights, by accident or on purpose, may ask for a model of any
size. So what it asks for is built without memory first, and compared with what the files hold.
"""

import json
import re
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open

from ablation.assets.bounded_files import read_bytes
from ablation.errors import InvalidInput, first_line
from ablation.models.directory import model_files

INDEX = "model.safetensors.index.json"
LARGEST_INDEX = 40_000_000
"""Bytes; that of DeepSeek-V3, of 91,000 tensors, takes 9 MB."""

SLACK = 2
"""Up to here the loader says better which weights are missing, and takes little memory for it."""

_POINTER = b"version https://git-lfs.github.com/"
_SHARD = re.compile(r"[A-Za-z0-9][\w.-]*\.safetensors")


def weight_files(directory: Path) -> list[Path]:
    """The files that weights are read from; a link that leads nowhere is none."""
    return [path for path in model_files(directory) if path.suffix == ".safetensors"]


def check_weight_files(directory: Path, config: Any) -> None:
    """Refuses a directory whose weights cannot be those of ``config``.

    Raises:
        InvalidInput: a file is damaged, the index names what is no file of the directory, or the
            model of the config has more layers or weights than the files.
    """
    for name in _shards(directory):
        if not _SHARD.fullmatch(name) or not (directory / name).is_file():
            raise InvalidInput(
                f"{directory}: {INDEX} must name safetensors of this directory, and names "
                f"{name[:80]!r}: give the whole directory of the model"
            )
    sizes = _sizes(directory)
    tensors, weights = len(sizes), sum(sizes)
    layers = getattr(config, "num_hidden_layers", None)
    if not isinstance(layers, int) or not 0 < layers <= tensors:
        raise InvalidInput(
            f"{directory}: config.json asks for {layers!r:.40} layers, and the weights are "
            f"{tensors} tensors: give the config of these weights"
        )
    wanted = _weights_of(directory, config)
    if wanted > SLACK * weights:
        raise InvalidInput(
            f"{directory}: config.json asks for {wanted:,} weights, and the files hold "
            f"{weights:,}: weights are missing or of the wrong shape"
        )


def model_weights(directory: Path) -> int:
    """How many weights the files of a model hold.

    Raises:
        InvalidInput: a file is damaged.
    """
    return sum(_sizes(directory))


def _sizes(directory: Path) -> list[int]:
    """How many weights each tensor has."""
    sizes = []
    for path in weight_files(directory):
        try:
            with safe_open(path, "pt") as file:
                for key in file.keys():  # noqa: SIM118 - it is no mapping
                    sizes.append(torch.Size(file.get_slice(key).get_shape()).numel())
        except (SafetensorError, OSError, ValueError) as error:
            if _is_pointer(path):
                raise InvalidInput(
                    f"{path}: weights are required, got git-lfs's pointer to them: run git lfs pull"
                ) from None
            raise InvalidInput(
                f"{path}: the weights cannot be loaded: {first_line(error)}; fetch the file again"
            ) from None
    return sizes


def _is_pointer(path: Path) -> bool:
    """Whether a file is what a clone without git-lfs has in place of it."""
    try:
        with path.open("rb") as file:
            return file.read(len(_POINTER)) == _POINTER
    except OSError:
        return False


def _shards(directory: Path) -> list[str]:
    """The files that the index names; none without an index."""
    path = directory / INDEX
    if not path.exists():
        return []
    try:
        names = json.loads(read_bytes(path, LARGEST_INDEX))["weight_map"].values()
        return sorted({str(name) for name in names})
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise InvalidInput(
            f"{path}: an index of safetensors is required, with a weight_map: fetch it again"
        ) from None


def _weights_of(directory: Path, config: Any) -> int:
    """How many weights the model of a config has, those that are tied counted once."""
    from transformers import AutoModelForCausalLM

    try:
        with torch.device("meta"):
            model = AutoModelForCausalLM.from_config(config)
        return sum(parameter.numel() for parameter in model.parameters())
    except Exception as error:
        # Every family checks other fields, in its own way.
        raise InvalidInput(
            f"{directory}: config.json cannot be used: {first_line(error)}"
        ) from None
