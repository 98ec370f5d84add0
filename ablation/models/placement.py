"""A model on all devices there are: its layers on the GPUs, and what does not fit in CPU memory.

Layers stay whole. accelerate brings what a layer is given to its device, and the weights of a layer
that lies in the CPU's memory to the first GPU while it runs, which takes their copying each time.
"""

import logging
import warnings
from collections.abc import Mapping
from typing import Any

import torch

from ablation.errors import ComputationError
from ablation.hooks.sites import head_sites

FOR_WEIGHTS = 0.7
"""What weights may take of a GPU's free memory; the rest is for activations and keys."""

Places = Mapping[int | str, int]
"""Bytes that weights may take of each GPU, by its number, and of ``"cpu"``."""


def on_all_devices(model: Any) -> Any:
    """Spreads the layers of ``model`` over the GPUs and the CPU's memory; as it is without a GPU.

    Raises:
        ComputationError: both together are too small.
    """
    if not torch.cuda.is_available():
        return model
    return dispatched(model, _free_memory())


def dispatched(model: Any, places: Places) -> Any:
    """Spreads the layers of ``model`` over ``places``, see ``device_map``."""
    from accelerate import dispatch_model

    # It warns of weights that wait as of a mistake.
    logging.getLogger("accelerate.big_modeling").setLevel(logging.ERROR)
    caches = getattr(model, "_skip_keys_device_placement", None)
    return dispatch_model(model, device_map(model, places), skip_keys=caches)


def device_map(model: Any, places: Places) -> dict[str, int | str]:
    """Where each part of ``model`` goes, by name: GPUs equally full, the CPU last.

    Raises:
        ComputationError: it does not fit.
    """
    from accelerate import infer_auto_device_map
    from accelerate.utils import get_balanced_memory

    whole = sorted({type(site.block).__name__ for site in head_sites(model).layers})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of how a GPU's room is used best
        balanced = get_balanced_memory(model, dict(places), no_split_module_classes=whole)
        found = infer_auto_device_map(model, balanced, no_split_module_classes=whole)
    if "disk" in found.values():
        needed = sum(one.nbytes for one in model.parameters())
        there = ", ".join(f"{size / 1e9:.1f} GB on {place}" for place, size in places.items())
        raise ComputationError(
            f"{needed / 1e9:.1f} GB of weights do not fit ({there}): use --dtype bfloat16, or a "
            "machine with more memory"
        )
    embedding = model.get_input_embeddings()
    (name,) = (name for name, module in model.named_modules() if module is embedding)
    # The map names it, or a part of the model that it is in; "" is the whole.
    if any(f"{name}.".startswith(part and f"{part}.") for part in found if found[part] == "cpu"):
        raise ComputationError(
            "no GPU has room for the input embedding and a layer: use --dtype bfloat16, or "
            "--device cpu"
        )
    return dict(found)


def _free_memory() -> dict[int | str, int]:
    from accelerate.utils import get_max_memory

    free: dict[int | str, int] = {
        number: int(FOR_WEIGHTS * torch.cuda.mem_get_info(number)[0])
        for number in range(torch.cuda.device_count())
    }
    return {**free, "cpu": get_max_memory().get("cpu", 0)}  # a GPU may share it
