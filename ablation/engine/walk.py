"""A model under many sets of ablated heads, each layer run once for all sets that agree so far.

What heads of layer l do reaches nothing before z of that layer. So two sets of heads share all that
lies before the first layer in which they differ, attention of that layer included. Their tree is
walked depth first, the smaller branch first: what waits is never more than one layer's streams for
each time that the number of sets can be halved. Past the last fork the passes follow one another,
and what no other set needs is let go as it is used.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor

from ablation.engine.head_sets import Heads, HeadSet, HeadSetTree, Members
from ablation.hooks.replacement import EVERYWHERE, head_mask, replaced
from ablation.hooks.sites import HeadSites
from ablation.modes.protocol import Ablation, Replacement, Seen
from ablation.passes.layerwise import LayerwisePass
from ablation.passes.tree_attention import KeysValues

_Item = TypeVar("_Item")


@dataclass(frozen=True)
class Outcome:
    """What a model under a set of ablated heads makes of one pass.

    Attributes:
        hidden: what the output embedding takes, ``(1, wanted, hidden)``, at the places of the
            packed row that are wanted.
        keys_values: those of every layer; empty if not kept.
    """

    hidden: Tensor
    keys_values: tuple[KeysValues, ...]


@dataclass(frozen=True)
class Branch:
    """A set of heads whose own layers have not run yet.

    Attributes:
        members: the places in the list of sets where it stands.
        outcomes: runs its layers, from the first that it shares with no other set, pass by pass;
            to be called once.
    """

    members: Members
    outcomes: Callable[[], Iterator[Outcome]]


@dataclass(frozen=True)
class _State:
    """One pass on its way.

    Attributes:
        layer: the layer that comes next.
        stream: the residual stream before that layer.
        keys_values: those of the layers behind, in their order; empty if not kept.
    """

    layer: int
    stream: Tensor
    keys_values: tuple[KeysValues, ...]


class _Attended(NamedTuple):
    """What attention of a state's layer gives.

    Attributes:
        state: the state.
        z: before anything is ablated.
        instead: what takes its place in ablated heads; None for 0.
        keys_values: up to that layer.
    """

    state: _State
    z: Tensor
    instead: Tensor | None
    keys_values: tuple[KeysValues, ...]


class _Waiting(NamedTuple):
    """Sets of heads, and what computes the state of each pass under them."""

    members: Members
    state_of: Callable[[int], _State]


class HeadSetWalk:
    """Takes ``passes`` through the model under every one of ``head_sets``.

    Args:
        sites: the head sites of the model.
        passes: what goes through the model side by side.
        head_sets: the sets of heads, each ablated together.
        ablation: what takes the place of z, whatever its scope; told its prompts.
        ends_only: whether it does so at the last token of each prompt only.
    """

    def __init__(
        self,
        sites: HeadSites,
        passes: Sequence[LayerwisePass],
        head_sets: Sequence[HeadSet],
        ablation: Ablation,
        *,
        ends_only: bool = False,
    ) -> None:
        self._sites = sites
        self._passes = tuple(passes)
        self._tree = HeadSetTree(sites.grid, head_sets)
        self._ablation = ablation
        self._ends_only = ends_only
        self._replacements: dict[int, Replacement] = {}
        self._masks: dict[tuple[int, Heads, torch.device], Tensor] = {}

    def branches(self) -> Iterator[Branch]:
        """Every different set once, in the order of the walk.

        A branch is to be run, if it is wanted, before the next one is asked for.
        """
        everyone = self._tree.everyone
        waiting = [_Waiting(everyone, self._root)] if everyone else []
        while waiting:
            members, state_of = waiting.pop()
            if self._tree.agree(members):
                yield Branch(members, partial(self._outcomes, members[0], state_of))
                continue
            states = {number: state_of(number) for number in range(len(self._passes))}
            (heads, most), *others = self._tree.parts(members, states[0].layer)
            if not heads and not others:
                waiting.append(_Waiting(members, _given_up(states, self._through)))
                continue
            attended = {number: self._attend(number, states.pop(number)) for number in list(states)}
            # The largest part is taken up last, when nothing else waits for these streams.
            waiting.append(_Waiting(most, _given_up(attended, partial(self._past, heads=heads))))
            for heads, part in others:
                waiting.append(_Waiting(part, _kept(attended, partial(self._past, heads=heads))))

    def _root(self, number: int) -> _State:
        return _State(layer=0, stream=self._passes[number].embedded, keys_values=())

    def _outcomes(self, member: int, state_of: Callable[[int], _State]) -> Iterator[Outcome]:
        for number in range(len(self._passes)):
            yield self._outcome(member, number, state_of(number))

    @torch.inference_mode()
    def _outcome(self, member: int, number: int, state: _State) -> Outcome:
        end = self._sites.grid.layers
        while state.layer < end:
            heads = self._tree.heads(member, state.layer)
            if heads or (state.layer == end - 1 and self._passes[number].ends_only):
                state = self._past(number, self._attend(number, state), heads)
            else:
                state = self._through(number, state)
        return Outcome(self._passes[number].normalise(state.stream), state.keys_values)

    @torch.inference_mode()
    def _through(self, number: int, state: _State) -> _State:
        """The state after a layer in which nothing is ablated."""
        one = self._passes[number]
        stream = one.through(state.layer, state.stream)
        return _State(state.layer + 1, stream, one.with_keys(state.keys_values, state.layer))

    @torch.inference_mode()
    def _attend(self, number: int, state: _State) -> _Attended:
        """Z of the state's layer, before anything is ablated in it."""
        one = self._passes[number]
        reads = self._ablation.reads_attention
        z, pieces = one.attend(state.layer, state.stream, observed=reads)
        instead = _whole(self._replacement(state.layer), pieces)
        return _Attended(state, z, instead, one.with_keys(state.keys_values, state.layer))

    @torch.inference_mode()
    def _past(self, number: int, attended: _Attended, heads: Heads) -> _State:
        """The state after a layer in which ``heads`` are ablated."""
        layer, one, z = attended.state.layer, self._passes[number], attended.z
        if heads:
            where = one.ends if self._ends_only else EVERYWHERE
            z = replaced(z, self._mask(layer, heads, z.device), attended.instead, where)
        stream = attended.state.stream
        if layer == self._sites.grid.layers - 1 and one.ends_only:
            # Past its attention positions are on their own: only those that are wanted go on.
            z, stream = (of[:, one.ends.to(of.device)] for of in (z, stream))
        stream = one.finish(layer, stream, z)
        return _State(layer + 1, stream, attended.keys_values)

    def _replacement(self, layer: int) -> Replacement:
        if layer not in self._replacements:
            self._replacements[layer] = self._ablation.replacement(self._sites.layers[layer])
        return self._replacements[layer]

    def _mask(self, layer: int, heads: Heads, device: torch.device) -> Tensor:
        of_layer = self._sites.grid.by_layer[layer]
        if (of_layer, heads, device) not in self._masks:
            self._masks[of_layer, heads, device] = head_mask(of_layer, heads).to(device)
        return self._masks[of_layer, heads, device]


def _whole(replacement: Replacement, pieces: Sequence[Seen]) -> Tensor | None:
    """What takes the place of z, of all tokens at once."""
    if len(pieces) == 1:
        return replacement(pieces[0])
    found = []
    for piece in pieces:
        value = replacement(piece)
        if value is None:
            return None
        found.append(value.expand(-1, piece.positions.shape[1], -1, -1))
    return torch.cat(found, dim=1)


def _kept(items: dict[int, _Item], step: Callable[[int, _Item], _State]) -> Callable[[int], _State]:
    """What takes ``step`` from one of ``items``."""
    return lambda number: step(number, items[number])


def _given_up(
    items: dict[int, _Item], step: Callable[[int, _Item], _State]
) -> Callable[[int], _State]:
    """The same where nobody needs the item afterwards, so that its memory is free at once."""
    return lambda number: step(number, items.pop(number))
