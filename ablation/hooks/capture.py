"""Reads z and the residual stream while the model runs, and tells whether heads are ablated."""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from jaxtyping import Float
from torch import Tensor

from ablation.errors import InvalidInput
from ablation.hooks.sites import head_sites


@contextmanager
def capture_z(model: Any, layers: Iterable[int]) -> Iterator[dict[int, Tensor]]:
    """Yields a dict that every forward pass fills: layer -> z ``(batch, seq, head, head_dim)``.

    What is captured is what the output projection really receives: opened inside a
    ``HeadAblator``, it shows the ablated z. The last forward pass wins.
    """
    sites = head_sites(model)
    captured: dict[int, Tensor] = {}

    def hook_for(layer: int) -> Any:
        def hook(projection: Any, args: tuple[Float[Tensor, "batch seq width"]]) -> None:
            captured[layer] = args[0].unflatten(-1, (sites.layers[layer].heads, -1))

        return hook

    with ExitStack() as stack:
        for layer in layers:
            hook = sites.layers[layer].projection.register_forward_pre_hook(hook_for(layer))
            stack.callback(hook.remove)
        yield captured


@contextmanager
def capture_attention(model: Any, layers: Iterable[int]) -> Iterator[dict[int, Tensor]]:
    """Yields a dict: layer -> what its attention adds to the stream, ``(batch, seq, hidden)``.

    The last forward pass wins.
    """
    sites = head_sites(model)
    captured: dict[int, Tensor] = {}

    def hook_for(layer: int) -> Any:
        def hook(attention: Any, args: tuple, output: Any) -> None:
            given = output[0] if isinstance(output, tuple) else output
            captured[layer] = given - args[1] if sites.family.adds_residual else given

        return hook

    with ExitStack() as stack:
        for layer in layers:
            hook = sites.layers[layer].attention.register_forward_hook(hook_for(layer))
            stack.callback(hook.remove)
        yield captured


@contextmanager
def capture_residual(model: Any) -> Iterator[dict[int, Tensor]]:
    """Yields a dict that every forward pass fills: l -> residual stream ``(batch, seq, hidden)``.

    l = 0 is the stream before the first layer, l = L the stream after the last, before the final
    normalisation (transformers' own last hidden state is after it). The last forward pass wins.
    """
    sites = head_sites(model)
    captured: dict[int, Tensor] = {}

    def before(number: int) -> Any:
        def hook(block: Any, args: tuple, kwargs: dict) -> None:
            captured[number] = args[0] if args else kwargs["hidden_states"]

        return hook

    def after(block: Any, args: tuple, output: Any) -> None:
        captured[len(sites.layers)] = output[0] if isinstance(output, tuple) else output

    handles = []
    try:
        for site in sites.layers:
            hook = before(site.layer)
            handles.append(site.block.register_forward_pre_hook(hook, with_kwargs=True))
        handles.append(sites.layers[-1].block.register_forward_hook(after))
        yield captured
    finally:
        for handle in handles:
            handle.remove()


def require_unablated(model: Any, wanted: str) -> None:
    """Refuses to take ``wanted``, which is to be the model's own, while its heads are ablated.

    Raises:
        InvalidInput: a ``HeadAblator`` of the model is open.
    """
    hooks = head_sites(model).decoder._forward_pre_hooks.values()
    if any(getattr(getattr(hook, "__self__", None), "ablates_heads", False) for hook in hooks):
        raise InvalidInput(
            f"{wanted} of the model as it is are required, but its heads are being ablated: use "
            "the ablation once, or ask for the len() of its means, before a HeadAblator is opened"
        )
