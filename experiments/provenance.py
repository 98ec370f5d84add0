"""What a result was computed with: stored beside every figure, never compared."""

import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from ablation.loading import LoadedModel

_PACKAGES = ("headclaims", "torch", "transformers", "tokenizers", "safetensors", "numpy")


def provenance(loaded: LoadedModel) -> dict[str, Any]:
    """Versions, model, machine and commit, as JSON."""
    parameter = next(loaded.model.parameters())
    return {
        "versions": {
            "python": platform.python_version(),
            **{package: _version(package) for package in _PACKAGES},
        },
        "model_sha256": loaded.fingerprint,
        "dtype": str(parameter.dtype).removeprefix("torch."),
        "device": str(parameter.device),
        "attention": loaded.model.config._attn_implementation,
        "engine": loaded.engine.name,
        "threads": torch.get_num_threads(),
        "machine": platform.machine(),
        "system": platform.system(),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "commit": _commit(),
    }


def identity(loaded: LoadedModel) -> dict[str, Any]:
    """What any stored result must share with the computation at hand to be used again."""
    return {
        **{package: version(package) for package in ("headclaims", "torch", "transformers")},
        "model_sha256": loaded.fingerprint,
        "dtype": str(loaded.model.dtype).removeprefix("torch."),
        "device": loaded.model.device.type,
    }


def timestamp() -> str:
    """Now, in UTC, ISO 8601 to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _commit() -> str | None:
    """The checkout's commit, with "+" behind it when files were changed; None outside of git.

    Baselines do not count: no figure depends on them, and regenerating them changes them.
    """
    folder = Path(__file__).parent
    try:
        commit = _git(folder, "rev-parse", "HEAD")
        changed = _git(folder, "status", "--porcelain", ":(top)", ":(top,exclude)baselines")
        return commit + ("+" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return None


def _git(folder: Path, *arguments: str) -> str:
    environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0"}
    return subprocess.run(
        ["git", "-C", str(folder), *arguments],
        check=True,
        capture_output=True,
        text=True,
        env=environment,
    ).stdout.strip()
