"""Where a model takes its tokens, and where its weights are, on one device or on several.

A model that is larger than a device lies on several of them (``--device auto``): accelerate brings
what a layer is given to the layer, and weights that lie in the CPU's memory to the device when
their layer runs. Until then their place is held by tensors without values.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn


def input_device(model: Any) -> torch.device:
    """The device that token ids go to: that of the input embedding when it runs.

    Args:
        model: a causal language model of transformers, or its decoder.
    """
    embedding = model.get_input_embeddings()
    return _brought_to(embedding) or embedding.weight.device


def devices_of(model: Any) -> list[torch.device]:
    """The devices that a model computes on, in the order of its layers."""
    found = [
        _brought_to(module) or parameter.device
        for module in model.modules()
        for parameter in module.parameters(recurse=False)
    ]
    return list(dict.fromkeys(found))


def waits(module: nn.Module) -> bool:
    """Whether some weights of a module are not on the device where it runs until it does."""
    return any(_brought_to(part) is not None for part in module.modules())


@contextmanager
def with_values(module: nn.Module) -> Iterator[None]:
    """Has the weights of a module there, as if it ran, for as long as the context is open."""
    from accelerate.utils import align_module_device

    with align_module_device(module):
        yield


def _brought_to(module: nn.Module) -> torch.device | None:
    """Where accelerate brings a module's weights when it runs; None where they stay."""
    hook: Any = getattr(module, "_hf_hook", None)
    for one in getattr(hook, "hooks", [hook]):
        if getattr(one, "offload", False) and one.execution_device is not None:
            return torch.device(one.execution_device)
    return None
