"""Where a process runs, and from which commit: what provenance can say without importing torch."""

import os
import platform
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

_PACKAGES = ("headclaims", "torch", "transformers", "tokenizers", "safetensors", "numpy", "scipy")

_FLAGS = ("fma", "avx2", "avx512f", "avx512_bf16", "amx_bf16", "asimd", "sve", "bf16")
"""Of the processor, those that matrix kernels are chosen by."""


def judged_with(command: str) -> dict[str, Any]:
    """Where verdicts were found, and by which command; the figures behind them have their own."""
    return {"time": timestamp(), "versions": versions(), **place(), "command": command}


def timestamp() -> str:
    """Now, in UTC, ISO 8601 to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def versions() -> dict[str, str]:
    """Of Python and of the packages that decide figures."""
    return dict(_versions())


@cache
def _versions() -> Mapping[str, str]:
    # Looked up once: every result says them, and a look takes a fiftieth of a second.
    packages = {package: _version(package) for package in _PACKAGES}
    return {"python": platform.python_version(), **packages}


def place() -> dict[str, Any]:
    """Machine and commit."""
    return {
        "system": platform.system(),
        "machine": platform.machine(),
        "cpu": dict(_cpu()),
        **_checkout(),
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


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
        "flags": [flag for flag in _FLAGS if flag in flags],
    }


@cache
def _checkout() -> Mapping[str, Any]:
    return checkout_of(Path(__file__))


def checkout_of(file: Path) -> Mapping[str, Any]:
    """The commit of a file's checkout, and whether files were changed since.

    Both None outside of git, and where git does not know the file: an installation in an
    environment inside somebody's repository is not of that repository's commit. Baselines do not
    count as changed: no figure depends on them, and regenerating them changes them.
    """
    folder = file.parent
    try:
        _git(folder, "ls-files", "--error-unmatch", file.name)
        commit = _git(folder, "rev-parse", "HEAD")
        changed = _git(folder, "status", "--porcelain", ":(top)", ":(top,exclude)baselines")
    except (OSError, subprocess.CalledProcessError):
        return {"commit": None, "dirty": None}
    return {"commit": commit, "dirty": bool(changed)}


OF_ANOTHER_REPOSITORY = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR")
"""What git sets for its hooks, in whichever repository they run."""


def _git(folder: Path, *arguments: str) -> str:
    environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0"}
    for name in OF_ANOTHER_REPOSITORY:
        environment.pop(name, None)
    return subprocess.run(
        ["git", "-C", str(folder), *arguments],
        check=True,
        capture_output=True,
        text=True,
        env=environment,
    ).stdout.strip()
