"""What a result was computed with: stored beside every figure, never compared."""

from collections.abc import Iterable, Mapping
from typing import Any

from ablation.models.model import Model
from experiments.machine.environment import place, timestamp, versions


def provenance(model: Model, seconds: float | None = None) -> dict[str, Any]:
    """Versions, model, machine and commit, as JSON.

    Args:
        model: what was run.
        seconds: how long the computation took; None where nobody has measured it.
    """
    import torch  # not above: what is stored is judged without it

    loaded = model.loaded
    parameter = next(loaded.model.parameters())
    where = place()
    where["cpu"]["capability"] = torch.backends.cpu.get_cpu_capability()
    return {
        "time": timestamp(),
        "seconds": None if seconds is None else round(seconds, 3),
        "model": model.spec.key,
        "versions": versions(),
        "model_sha256": model.fingerprint,
        "dtype": str(parameter.dtype).removeprefix("torch."),
        "device": ", ".join(map(_device, loaded.devices)),
        **({"layers_in_cpu_memory": loaded.waiting} if loaded.waiting else {}),
        **({} if model.spec.site is None else {"site": model.spec.site}),
        "attention": loaded.model.config._attn_implementation,
        "engine": model.engine.name,
        "threads": torch.get_num_threads(),
        **where,
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


def _device(device: Any) -> str:
    if device.type != "cuda":
        return str(device)
    import torch

    return f"{device} ({torch.cuda.get_device_name(device)})"
