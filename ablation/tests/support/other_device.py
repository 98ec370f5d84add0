"""A second device where there is none: tensors that may not meet those of the CPU.

It computes on the CPU and keeps count of who is where. As on a GPU, an operation on tensors of two
devices is an error, but for numbers, and for indices that lie on the CPU.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from accelerate.hooks import AlignDevicesHook, add_hook_to_module
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from ablation.hooks.sites import head_sites

OTHER = torch.device("meta:1")
"""Its name: one that torch has, and nothing here uses."""

_INDEXING = ("index", "index_put", "index_put_", "_unsafe_index")


class _Away(Tensor):
    """A tensor on the other device."""

    held: Tensor

    @staticmethod
    def __new__(cls, held: Tensor) -> "_Away":
        with torch.inference_mode(False):  # its views are made by no kernel that knows better
            made = Tensor._make_wrapper_subclass(
                cls,
                held.size(),
                strides=held.stride(),
                storage_offset=held.storage_offset(),
                dtype=held.dtype,
                device=OTHER,
            )
        made.held = held
        return made

    def tolist(self) -> Any:
        return self.held.tolist()

    @classmethod
    def __torch_dispatch__(
        cls, function: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        return _run(function, args, kwargs or {})


class _TwoDevices(TorchDispatchMode):
    """Tensors that are made on the other device, or are there, are run there."""

    def __torch_dispatch__(
        self, function: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        leaves = list(_leaves((*args, *kwargs.values())))
        if any(isinstance(one, _Away) for one in leaves) or OTHER in _devices(leaves):
            return _run(function, args, kwargs)
        return function(*args, **kwargs)


class _MadeOfLists(TorchFunctionMode):
    """Tensors of lists, and indices that are lists, are made where no dispatch mode is asked."""

    def __torch_function__(
        self, function: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        if function is torch.tensor and kwargs.get("device") == OTHER:
            return torch.tensor(*args, **{**kwargs, "device": "cpu"}).to(OTHER)
        if function is Tensor.__getitem__:
            places = args[1] if isinstance(args[1], tuple) else (args[1],)
            made = (torch.tensor(one) if isinstance(one, list) else one for one in places)
            return function(args[0], tuple(made))
        return function(*args, **kwargs)


def _run(function: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    name, leaves = function.overloadpacket.__name__, list(_leaves((*args, *kwargs.values())))
    tensors = [one for one in leaves if isinstance(one, Tensor)]
    target = next(iter(_devices(leaves)), None)
    away = [one for one in tensors if isinstance(one, _Away)]
    here = [one for one in tensors if not isinstance(one, _Away) and one.dim()]
    if name in _INDEXING and isinstance(args[0], _Away):
        here = [one for one in here if one.dtype not in (torch.long, torch.bool)]
    if away and here and name not in ("_to_copy", "to", "copy_"):
        raise RuntimeError(f"{function}: tensors on two devices")
    plain = _changed(_held, tuple(args))
    named = {name: _changed(_held, value) for name, value in kwargs.items()}
    if name == "histc":
        plain = (plain[0].float(), *plain[1:])  # other devices count whole numbers, too
    found = function(*plain, **named)
    if name == "copy_":
        return args[0]
    if (target is None and not away) or (target is not None and target != OTHER):
        return found
    changed = {id(one.held): one for one in away}  # in place: it stays itself

    def outer(one: Any) -> Any:
        if type(one) is not Tensor:
            return one
        return changed[id(one)] if id(one) in changed else _Away(one)

    return _changed(outer, found)


def _leaves(values: Iterable[Any]) -> Iterator[Any]:
    """What an operation is given: its arguments, and what is in those that are lists.

    torch's own ways through trees took three tenths of the time of tests of perplexities.
    """
    for one in values:
        if isinstance(one, (list, tuple)):
            yield from _leaves(one)
        else:
            yield one


def _changed(change: Callable[[Any], Any], value: Any) -> Any:
    """``value``, or all that is in it where it is a list."""
    if isinstance(value, (list, tuple)):
        return type(value)(_changed(change, one) for one in value)
    return change(value)


def _devices(leaves: Sequence[Any]) -> list[torch.device]:
    return [one for one in leaves if isinstance(one, torch.device)]


def _held(one: Any) -> Any:
    if isinstance(one, torch.device) and one == OTHER:
        return torch.device("cpu")
    return one.held if isinstance(one, _Away) else one


@contextmanager
def spread(model: nn.Module) -> Iterator[nn.Module]:
    """The second half of the layers of ``model``, and its last norm, on the other device.

    By the hooks of accelerate that ``dispatch_model`` attaches.
    """
    sites = head_sites(model)
    blocks = [site.block for site in sites.layers]
    with _TwoDevices(), _MadeOfLists(), torch.no_grad():
        for module in (*blocks[len(blocks) // 2 :], sites.final_norm):
            for part in module.modules():
                for name, parameter in list(part.named_parameters(recurse=False)):
                    setattr(part, name, nn.Parameter(parameter.detach().to(OTHER)))
                for name, buffer in list(part.named_buffers(recurse=False)):
                    setattr(part, name, buffer.to(OTHER))
            hook = AlignDevicesHook(execution_device=OTHER, skip_keys="past_key_values")
            add_hook_to_module(module, hook)
        for module in (*blocks[: len(blocks) // 2], model.get_output_embeddings()):
            hook = AlignDevicesHook(execution_device="cpu", skip_keys="past_key_values")
            add_hook_to_module(module, hook)
        add_hook_to_module(model, AlignDevicesHook(io_same_device=True))
    with _TwoDevices(), _MadeOfLists():
        yield model
