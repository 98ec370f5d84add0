"""What a result was computed with: stored beside every figure, never compared."""

import os
import platform
import subprocess
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from ablation.loading import LoadedModel

_PACKAGES = ("headclaims", "torch", "transformers", "tokenizers", "safetensors", "numpy")

_FLAGS = ("fma", "avx2", "avx512f", "avx512_bf16", "amx_bf16", "asimd", "sve", "bf16")
"""Of the processor, those that matrix kernels are chosen by."""


def provenance(loaded: LoadedModel, seconds: float | None = None) -> dict[str, Any]:
    """Versions, model, machine and commit, as JSON.

    Args:
        loaded: the model.
        seconds: how long the computation took; None where nobody has measured it.
    """
    parameter = next(loaded.model.parameters())
    return {
        "time": timestamp(),
        "seconds": None if seconds is None else round(seconds, 3),
        "model": loaded.spec.key,
        "versions": {
            "python": platform.python_version(),
            **{package: _version(package) for package in _PACKAGES},
        },
        "model_sha256": loaded.fingerprint,
        "dtype": str(parameter.dtype).removeprefix("torch."),
        "device": _device(parameter.device),
        "attention": loaded.model.config._attn_implementation,
        "engine": loaded.engine.name,
        "threads": torch.get_num_threads(),
        "system": platform.system(),
        "machine": platform.machine(),
        "cpu": dict(_cpu()),
        **_checkout(),
    }


def merged(provenances: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The provenance of a figure made of several results.

    Seconds are summed and the latest time is kept; of everything else that differs, all values are
    listed.
    """
    different = list({id(one): one for one in provenances}.values())
    found: dict[str, Any] = {}
    for key in dict.fromkeys(key for one in different for key in one):
        values: list[Any] = []
        for one in different:
            if one.get(key) not in values:
                values.append(one.get(key))
        found[key] = values[0] if len(values) == 1 else values
    if different:
        found["time"] = max(one["time"] for one in different)
        found["seconds"] = round(sum(one["seconds"] or 0 for one in different), 3)
    return found


def model_key(loaded: LoadedModel) -> dict[str, Any]:
    """What of the model a stored result depends on; the first part of its key."""
    return {
        "model_sha256": loaded.fingerprint,
        "dtype": str(loaded.model.dtype).removeprefix("torch."),
        "engine": f"{loaded.engine.name} {loaded.engine.version}",
    }


def timestamp() -> str:
    """Now, in UTC, ISO 8601 to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _device(device: torch.device) -> str:
    if device.type != "cuda":
        return str(device)
    return f"{device} ({torch.cuda.get_device_name(device)})"


@cache
def _cpu() -> Mapping[str, Any]:
    """The processor's name and what of it decides which kernels run."""
    described: dict[str, str] = {}
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            name, _, value = line.partition(":")
            described.setdefault(name.strip(), value.strip())
    flags = described.get("flags", described.get("Features", "")).split()
    return {
        "name": described.get("model name") or platform.processor(),
        "capability": torch.backends.cpu.get_cpu_capability(),
        "flags": [flag for flag in _FLAGS if flag in flags],
    }


@cache
def _checkout() -> Mapping[str, Any]:
    """The commit and whether files were changed since; both None outside of git.

    Baselines do not count: no figure depends on them, and regenerating them changes them.
    """
    folder = Path(__file__).parent
    try:
        commit = _git(folder, "rev-parse", "HEAD")
        changed = _git(folder, "status", "--porcelain", ":(top)", ":(top,exclude)baselines")
    except (OSError, subprocess.CalledProcessError):
        return {"commit": None, "dirty": None}
    return {"commit": commit, "dirty": bool(changed)}


def _git(folder: Path, *arguments: str) -> str:
    environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0"}
    return subprocess.run(
        ["git", "-C", str(folder), *arguments],
        check=True,
        capture_output=True,
        text=True,
        env=environment,
    ).stdout.strip()
