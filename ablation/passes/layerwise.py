"""A causal language model taken layer by layer, and each layer in two halves, before and after z.

The model's own modules do all the arithmetic: its forward prepares embeddings, positions and
masks, and its layers are then called one by one with just the arguments it would have given them.
What goes through is a tree of prompts, packed into one row.
"""

import inspect
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any

from jaxtyping import Float, Int
from torch import Tensor, nn
from transformers import DynamicCache

from ablation.ablator import AblationNotApplied
from ablation.hooks.attention import lay_out, observe_attention
from ablation.hooks.attention_call import AttentionCall
from ablation.hooks.sites import HeadSites
from ablation.hooks.stand_ins import standing_in
from ablation.metrics.devices import input_device
from ablation.modes.protocol import Seen
from ablation.passes.token_tree import TokenTree
from ablation.passes.tree_attention import KeysValues, TreeLayout


class LayerwisePass:
    """A tree of prompts on its way through a model.

    Args:
        sites: the head sites of the model.
        tree: the prompts.
        ends_only: whether only the last token of each prompt is wanted past the last layer.
        keeps_keys: whether keys and values are kept for ``with_keys`` and ``with_cached``.

    Attributes:
        embedded: the residual stream before layer 0, ``(1, packed, hidden)``.
        ends: where the last token of each prompt is in the packed row.
        ends_only: as given.
    """

    def __init__(
        self,
        sites: HeadSites,
        tree: TokenTree,
        *,
        ends_only: bool = False,
        keeps_keys: bool = False,
    ) -> None:
        self._sites = sites
        self._layout = TreeLayout(tree)
        self._keeps_keys = keeps_keys
        self._recorder = _Recorder(config=sites.decoder.config)
        device = input_device(sites.decoder)
        self._positions = tree.positions.to(device)
        self._prompts = tree.prompt_of.to(device)
        self.ends, self.ends_only = tree.ends.to(device), ends_only
        with lay_out(sites.decoder, self._layout):
            self._arguments = _layer_arguments(
                sites, tree.ids.to(device), self._positions, self._recorder
            )
        self.embedded: Tensor = self._arguments[0].pop("hidden_states")
        for arguments in self._arguments[1:]:
            del arguments["hidden_states"]

    def with_keys(self, behind: tuple[KeysValues, ...], layer: int) -> tuple[KeysValues, ...]:
        """``behind`` and those that attention saw in the last call for ``layer``.

        As it is if none are kept.
        """
        return self._with(self._layout.seen, behind, layer)

    def with_cached(self, behind: tuple[KeysValues, ...], layer: int) -> tuple[KeysValues, ...]:
        """The same as they were given to the cache: smaller where a family keeps latents there."""
        return self._with(self._recorder.seen, behind, layer)

    def _with(
        self, seen: dict[int, KeysValues], behind: tuple[KeysValues, ...], layer: int
    ) -> tuple[KeysValues, ...]:
        found = seen[layer]
        self._layout.seen.clear()
        self._recorder.seen.clear()
        return (*behind, found) if self._keeps_keys else behind

    def attend(
        self, layer: int, residual: Float[Tensor, "1 packed hidden"], *, observed: bool = False
    ) -> tuple[Float[Tensor, "1 packed width"], list[Seen]]:
        """Z of ``layer``, its heads side by side, given the residual stream before it.

        Args:
            layer: its number.
            residual: the stream.
            observed: whether what the attention was given is wanted, too.

        Returns:
            z, and what is known of the tokens it is of: in one piece, or where attention is
            observed in the pieces in which it was computed, in their order.

        Raises:
            AblationNotApplied: the layer did not use its output projection.
        """
        calls: list[AttentionCall] = []
        with ExitStack() as stack:
            projection = self._sites.layers[layer].projection
            stack.callback(projection.register_forward_pre_hook(_stop).remove)
            if observed:
                stack.enter_context(observe_attention(self._sites.decoder, calls.append))
            try:
                self.through(layer, residual)
            except _Reached as reached:
                return reached.z, self._seen(calls)
        raise AblationNotApplied(f"layer {layer} ran without its output projection")

    def _seen(self, calls: Sequence[AttentionCall]) -> list[Seen]:
        if not calls:
            return [Seen(self._positions, self._prompts)]
        lengths = [call.query.shape[2] for call in calls]
        pieces = (row.split(lengths, dim=1) for row in (self._positions, self._prompts))
        return [Seen(*piece) for piece in zip(*pieces, calls, strict=True)]

    def finish(
        self,
        layer: int,
        residual: Float[Tensor, "1 packed hidden"],
        z: Float[Tensor, "1 packed width"],
    ) -> Float[Tensor, "1 packed hidden"]:
        """The residual stream after ``layer``, given the one before it and z.

        Both may be cut to some positions: past z, a layer treats each on its own.

        Raises:
            AblationNotApplied: the layer did not take its attention's output from z.
        """
        site = self._sites.layers[layer]
        output, asked = site.projection(z), []

        def known(*args: Any, **kwargs: Any) -> tuple[Tensor, None]:
            asked.append(layer)
            return output + args[1] if self._sites.family.adds_residual else output, None

        with (
            lay_out(self._sites.decoder, self._layout),
            standing_in(site.attention, "forward", known),
        ):
            after = self._through(layer, residual)
        if len(asked) != 1:
            raise AblationNotApplied(
                f"layer {layer} called its attention {len(asked)} times, where once was expected"
            )
        return after

    def through(
        self, layer: int, residual: Float[Tensor, "1 packed hidden"]
    ) -> Float[Tensor, "1 packed hidden"]:
        """The residual stream after the whole of ``layer``, nothing ablated."""
        with lay_out(self._sites.decoder, self._layout):
            return self._through(layer, residual)

    def _through(self, layer: int, residual: Tensor) -> Tensor:
        output = self._sites.layers[layer].block(residual, **self._arguments[layer])
        return output[0] if isinstance(output, tuple) else output

    def normalise(
        self, residual: Float[Tensor, "1 packed hidden"]
    ) -> Float[Tensor, "1 packed hidden"]:
        """What the output embedding takes, given the residual stream after the last layer."""
        return self._sites.final_norm(residual)


class _Recorder(DynamicCache):
    """Keeps the keys and values it is given, and lets attention see just those."""

    def __init__(self, *, config: Any) -> None:
        super().__init__(config=config)
        self.seen: dict[int, KeysValues] = {}

    def update(
        self, key_states: Tensor, value_states: Tensor, layer_idx: int, *args: Any, **kwargs: Any
    ) -> KeysValues:
        self.seen[layer_idx] = (key_states, value_states)
        return key_states, value_states


class _Reached(Exception):
    """The output projection is about to run; not an error."""

    def __init__(self, z: Tensor) -> None:
        self.z = z


def _stop(projection: nn.Module, args: tuple[Tensor, ...]) -> None:
    raise _Reached(args[0])


def _layer_arguments(
    sites: HeadSites,
    ids: Int[Tensor, "1 packed"],
    positions: Int[Tensor, "1 packed"],
    cache: DynamicCache,
) -> list[dict[str, Any]]:
    """What the model's own forward gives each layer, by name; the layers themselves do not run."""
    seen: list[dict[str, Any]] = []

    def noting(block: nn.Module) -> Callable[..., Tensor]:
        names = list(inspect.signature(block.forward).parameters)

        def forward(*args: Any, **kwargs: Any) -> Tensor:
            given = {**dict(zip(names, args, strict=False)), **kwargs}
            seen.append(given)
            # Models that take the first of what a layer gives take this apart, once.
            return seen[0]["hidden_states"]

        return forward

    blocks: Sequence[nn.Module] = [site.block for site in sites.layers]
    with ExitStack() as stack:
        for block in blocks:
            stack.enter_context(standing_in(block, "forward", noting(block)))
        sites.decoder(input_ids=ids, position_ids=positions, past_key_values=cache, use_cache=True)
    if len(seen) != len(blocks):
        raise AblationNotApplied(f"the model called {len(seen)} of its {len(blocks)} layers")
    return seen
