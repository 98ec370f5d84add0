"""The document of a benchmark: one machine, the parts measured on it, and whole commands.

    schema   1
    machine  processor, cores, threads, instructions, kernels, versions of Python and packages; and
             the device that was measured, if it is not the processor
    model    its key; measured: time and commit of the parts
    parts    as ``benchmark.Part.document`` gives them
    runs     rows of whole commands: name, command, seconds, and where it was measured disk_bytes
             and peak_bytes; each with its own time and commit
    remarks  what else is known of this machine, one line each

Parts and runs are measured by different commands and kept beside each other: what a command has
measured takes the place of what is there under the same name, and nothing else changes.
"""

import os
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from itertools import chain
from pathlib import Path
from typing import Any

from ablation.errors import InvalidInput
from experiments.machine.environment import place, timestamp
from experiments.machine.files.json_files import read_json

SCHEMA = 1
PACKAGES = ("torch", "transformers")
IDENTITY = ("processor", "cores", "instructions", "device")
"""What two documents of one machine agree in."""


def machine(device: str = "cpu") -> dict[str, Any]:
    """What times depend on; of another device than the processor its name, too."""
    import torch

    capability = torch.backends.cpu.get_cpu_capability()
    return {
        "processor": place()["cpu"]["name"],
        "cores": _cores(),
        "threads": torch.get_num_threads(),
        "instructions": capability,
        "kernels": "oneDNN" if _engine_uses_onednn(capability) else "torch's own",
        **({} if device == "cpu" else {"device": _device_name(device)}),
        "python": platform.python_version(),
        **{package: version(package) for package in PACKAGES},
    }


def measured() -> dict[str, Any]:
    """When, and at which commit."""
    where = place()
    return {"time": timestamp(), "commit": where["commit"], "dirty": where["dirty"]}


def kept(path: Path | None, of: Mapping[str, Any]) -> dict[str, Any]:
    """The document that is at ``path`` already, or an empty one of this machine.

    Raises:
        InvalidInput: what is there is of another machine, or no such document.
        ResultsError: it cannot be read.
    """
    fresh = {"schema": SCHEMA, "machine": dict(of), "parts": [], "runs": [], "remarks": []}
    if path is None or not path.exists():
        return fresh
    found = read_json(path)
    if not isinstance(found, dict) or found.get("schema") != SCHEMA:
        raise InvalidInput(
            f"{path}: a benchmark of schema {SCHEMA} is required there, or nothing: give another "
            "file with --json"
        )
    for name in IDENTITY:
        there = found.get("machine", {}).get(name)
        if there != of.get(name):
            raise InvalidInput(
                f"{path} is of another machine ({name} {there}, here {of.get(name)}): give another "
                "file with --json"
            )
    return fresh | found | {"machine": dict(of)}


def with_parts(
    document: Mapping[str, Any], model: str, parts: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """The document with these parts, measured now, in the places of those of the same kinds.

    Parts of other kinds stay if they are of the same model; new ones come last.
    """
    now = measured()
    with_what = {name: document["machine"].get(name) for name in ("threads", *PACKAGES)}
    before = document["parts"] if document.get("model") == model else []
    of_now = [{**part, "measured": {**now, **with_what}} for part in parts]
    all_parts = chain.from_iterable((_by_kind(before) | _by_kind(of_now)).values())
    return {**document, "model": model, "measured": now, "parts": [*all_parts]}


def _by_kind(parts: Sequence[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    """Parts by what they compare, whatever its sizes: their titles up to the colon."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for part in parts:
        found.setdefault(str(part["title"]).partition(":")[0], []).append(part)
    return found


def with_runs(document: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The document with these rows: those of the same names are replaced, new ones come last."""
    by_name = {row["name"]: row for row in document["runs"]} | {row["name"]: row for row in rows}
    return {**document, "runs": list(by_name.values())}


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _device_name(device: str) -> str:
    import torch

    return torch.cuda.get_device_name(device) if device.startswith("cuda") else device


def _engine_uses_onednn(capability: str) -> bool:
    """As ``ablation.engine.linear.use_onednn`` decides it for an fp32 model on a CPU."""
    import torch

    onednn = torch.backends.mkldnn
    return capability == "AVX512" and bool(onednn.is_available() and onednn.enabled)
