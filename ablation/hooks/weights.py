"""The attention weights of every layer while the model runs, whoever computes them."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

from jaxtyping import Float
from torch import Tensor

from ablation.errors import InvalidInput
from ablation.hooks.attention import AttentionCall, observe_attention
from ablation.hooks.sites import HeadSites, LayerSite

Note = Callable[[int, Float[Tensor, "batch heads rows keys"]], None]
"""Is shown a layer, and its weights in fp32."""


@contextmanager
def observe_weights(model: Any, sites: HeadSites, note: Note) -> Iterator[None]:
    """Shows ``note`` the weights of every layer that runs in the context.

    All rows of a pass are formed: for passes of a few tokens, or families that form them anyway.

    Raises:
        InvalidInput: in the forward pass: the family gives no weights back.
    """
    if not sites.family.own_attention:

        def of_call(call: AttentionCall) -> None:
            note(call.layer, call.weights())

        with observe_attention(model, of_call):
            yield
        return
    with ExitStack() as stack:
        for site in sites.layers:
            hook = site.attention.register_forward_hook(partial(_given_back, note, site))
            stack.callback(hook.remove)
        yield


def _given_back(note: Note, site: LayerSite, attention: Any, args: tuple, output: Any) -> None:
    """Attention in a family's own code gives its output and the weights that it has formed."""
    weights = output[1] if isinstance(output, tuple) and len(output) > 1 else None
    if not isinstance(weights, Tensor):
        raise InvalidInput(
            f"{type(attention).__name__} gives no attention weights back: load the model with "
            "attn_implementation='eager'"
        )
    note(site.layer, weights.float())
