"""Weights in another dtype than their files have: made once, then mapped by whoever runs them.

A cast while loading gives every process a copy of its own, of all weights. So what is wanted on a
CPU in another dtype is written into the cache, from which processes share one map.
"""

import hashlib
import json
import os
import shutil
from pathlib import Path

import torch
from safetensors import safe_open
from torch import Tensor

from ablation import models
from ablation.assets.file_names import told_apart
from ablation.assets.kept import file_state
from ablation.assets.store import Slot
from ablation.assets.written_weights import write_weights
from ablation.models.weight_files import weight_files

VERSION = 1
"""Raised whenever a file is made otherwise."""


def converted(directory: Path, dtype: torch.dtype) -> Path:
    """A folder with the weights of ``directory`` in ``dtype``: itself if they are of it.

    Of several processes one converts and the others wait. A damaged copy is made anew, and one
    of files that have changed since is removed.

    Args:
        directory: safetensors, config and, if there is one, an index.
        dtype: of floating-point weights; others stay.

    Raises:
        AssetError: the cache cannot be written, or has no space left.
        SafetensorError: a file cannot be read.
    """
    files = weight_files(directory)
    if not any(_differs(path, dtype) for path in files):
        return directory
    slot = _slot(directory, files, dtype)

    def make(target: Path, scratch: Path) -> None:
        target.mkdir()
        for path in directory.glob("*.json"):
            if path.is_file():
                shutil.copyfile(path, target / path.name)
        mode = target.stat().st_mode & 0o666
        for path in files:
            _convert(path, target / path.name, dtype, mode)
        for of_older_files in slot.home.glob("[!.]*"):
            shutil.rmtree(of_older_files, ignore_errors=True)  # who has mapped it keeps it

    return slot.ensure_whole(make)


def _slot(directory: Path, files: list[Path], dtype: torch.dtype) -> Slot:
    whole = directory.resolve()
    where = hashlib.sha256(os.fsencode(whole)).hexdigest()
    name = str(dtype).removeprefix("torch.")
    states = {path.name: file_state(path) for path in (*files, *directory.glob("*.json"))}
    of_files = hashlib.sha256(json.dumps([VERSION, states], sort_keys=True).encode()).hexdigest()
    return Slot(
        f"{models.CONVERTED}/{told_apart(whole.name, where)}-{name}", of_files[:16], whole.name
    )


def _differs(path: Path, dtype: torch.dtype) -> bool:
    with safe_open(path, "pt") as file:
        return any(
            of.is_floating_point and of is not dtype
            for of in (_DTYPES.get(file.get_slice(key).get_dtype()) for key in file.keys())  # noqa: SIM118
            if of is not None
        )


def _convert(source: Path, target: Path, dtype: torch.dtype, mode: int) -> None:
    found: dict[str, Tensor] = {}
    with safe_open(source, "pt") as file:
        for key in file.keys():  # noqa: SIM118 - it is no mapping
            tensor = file.get_tensor(key)
            found[key] = tensor.to(dtype) if tensor.is_floating_point() else tensor
    write_weights(found, target, mode=mode)


_DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
}
"""What safetensors calls the dtypes that are converted."""
