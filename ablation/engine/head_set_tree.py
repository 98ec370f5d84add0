"""A model under many sets of ablated heads, each layer run once for all sets that agree so far.

What heads of layer l do reaches nothing before z of that layer. So two sets of heads share all that
lies before the first layer in which they differ, attention of that layer included, and the sets
form a tree. It is walked depth first, the smaller branch first: what waits is never more than one
layer's streams for each time that the number of sets can be halved.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ablation.engine.layers import KeysValues, LayerwisePass
from ablation.heads import Head
from ablation.modes import Ablation
from ablation.replacement import head_mask, replaced
from ablation.sites import HeadSites

HeadSet = tuple[Head, ...]

Heads = tuple[int, ...]
"""The ablated heads of one layer, by their number in it, ascending."""


@dataclass(frozen=True)
class _Node:
    """Where sets of heads are that agree so far.

    Attributes:
        layer: the layer that comes next.
        streams: the residual stream before that layer, for each pass.
        keys_values: for each pass, those of the layers behind, in their order; empty if not kept.
    """

    layer: int
    streams: tuple[Tensor, ...]
    keys_values: tuple[tuple[KeysValues, ...], ...]


class _Waiting(NamedTuple):
    """Sets of heads, as places in the list of all, and what computes the node they are at."""

    members: tuple[int, ...]
    node_of: Callable[[], _Node]


@dataclass(frozen=True)
class _Attended:
    """What attention of a node's layer gives: z for each pass; keys and values up to that layer."""

    zs: tuple[Tensor, ...]
    keys_values: tuple[tuple[KeysValues, ...], ...]


@dataclass(frozen=True)
class Outcome:
    """What a model under a set of ablated heads makes of its input.

    Attributes:
        hidden: for each pass, what the output embedding takes, ``(batch, seq, hidden)``, or the
            last positions of it.
        keys_values: for each pass the keys and values of every layer; empty if not kept.
    """

    hidden: tuple[Tensor, ...]
    keys_values: tuple[tuple[KeysValues, ...], ...]


@dataclass(frozen=True)
class Branch:
    """A set of heads whose own layers have not run yet.

    Attributes:
        members: the places in the list of sets where it stands.
        finish: runs its layers, from the first that it shares with no other set.
    """

    members: tuple[int, ...]
    finish: Callable[[], Outcome]


class HeadSetTree:
    """Walks ``passes`` under every one of ``head_sets``.

    Args:
        sites: the head sites of the model.
        passes: batches of ids that go through the model side by side.
        head_sets: the sets of heads, each ablated together.
        ablation: what takes the place of z, at all positions, whatever its scope.
        last: how many positions at the end are wanted; None: all.
    """

    def __init__(
        self,
        sites: HeadSites,
        passes: Sequence[LayerwisePass],
        head_sets: Sequence[HeadSet],
        ablation: Ablation,
        *,
        last: int | None = None,
    ) -> None:
        self._sites = sites
        self._passes = tuple(passes)
        self._ablation = ablation
        self._last = last
        self._by_layer = [_by_layer(sites.grid.check(heads)) for heads in head_sets]
        self._replacements: dict[tuple[int, tuple[int, ...]], tuple[Tensor, Any]] = {}

    def branches(self) -> Iterator[Branch]:
        """Every different set once, in the order of the walk.

        A branch is to be finished, if it is wanted, before the next one is asked for.
        """
        waiting = (
            [_Waiting(tuple(range(len(self._by_layer))), self._root)] if self._by_layer else []
        )
        while waiting:
            members, node_of = waiting.pop()
            if all(self._by_layer[it] == self._by_layer[members[0]] for it in members):
                yield Branch(members, partial(self._finish, members[0], node_of))
                continue
            node = node_of()
            parts: dict[Heads, list[int]] = defaultdict(list)
            for member in members:
                parts[self._heads(member, node.layer)].append(member)
            if list(parts) == [()]:
                waiting.append(_Waiting(members, partial(self._through, node)))
                continue
            attended = self._attend(node)
            # The largest part is taken up last, when nothing else waits for these streams.
            for heads, part in sorted(parts.items(), key=lambda item: -len(item[1])):
                past = partial(self._past, node, attended, heads)
                waiting.append(_Waiting(tuple(part), past))

    def _root(self) -> _Node:
        return _Node(
            layer=0,
            streams=tuple(one.embedded for one in self._passes),
            keys_values=((),) * len(self._passes),
        )

    def _heads(self, member: int, layer: int) -> Heads:
        return self._by_layer[member].get(layer, ())

    @torch.inference_mode()
    def _finish(self, member: int, node_of: Callable[[], _Node]) -> Outcome:
        node, end = node_of(), self._sites.grid.layers
        while node.layer < end:
            heads = self._heads(member, node.layer)
            if heads or (node.layer == end - 1 and self._last is not None):
                node = self._past(node, self._attend(node), heads)
            else:
                node = self._through(node)
        hidden = (one.normalise(x) for one, x in zip(self._passes, node.streams, strict=True))
        return Outcome(tuple(hidden), node.keys_values)

    @torch.inference_mode()
    def _through(self, node: _Node) -> _Node:
        """The node after a layer in which nothing is ablated."""
        streams, kept = [], []
        for one, stream, keys in zip(self._passes, node.streams, node.keys_values, strict=True):
            streams.append(one.through(node.layer, stream))
            kept.append(one.with_keys(keys, node.layer))
        return _Node(node.layer + 1, tuple(streams), tuple(kept))

    @torch.inference_mode()
    def _attend(self, node: _Node) -> _Attended:
        """Z of the node's layer, before anything is ablated in it."""
        zs, kept = [], []
        for one, stream, keys in zip(self._passes, node.streams, node.keys_values, strict=True):
            zs.append(one.attend(node.layer, stream))
            kept.append(one.with_keys(keys, node.layer))
        return _Attended(tuple(zs), tuple(kept))

    @torch.inference_mode()
    def _past(self, node: _Node, attended: _Attended, heads: Heads) -> _Node:
        """The node after a layer in which ``heads`` are ablated."""
        # Past the last attention positions are on their own: only those that are asked for go on.
        is_last = node.layer == self._sites.grid.layers - 1
        positions = slice(-self._last, None) if is_last and self._last else slice(None)
        streams = []
        for one, stream, z in zip(self._passes, node.streams, attended.zs, strict=True):
            kept = z[:, positions]
            if heads:
                kept = self._replaced(kept, node.layer, heads)
            streams.append(one.finish(node.layer, stream[:, positions], kept))
        return _Node(node.layer + 1, tuple(streams), attended.keys_values)

    def _replaced(self, z: Tensor, layer: int, heads: Heads) -> Tensor:
        if (layer, heads) not in self._replacements:
            mask = head_mask(self._sites.grid.heads, heads).to(z.device)
            value = self._ablation.replacement(self._sites.layers[layer])
            self._replacements[layer, heads] = mask, value
        return replaced(z, *self._replacements[layer, heads])


def _by_layer(heads: Sequence[Head]) -> dict[int, Heads]:
    found: dict[int, list[int]] = defaultdict(list)
    for head in sorted(heads):
        found[head.layer].append(head.head)
    return {layer: tuple(numbers) for layer, numbers in found.items()}


def alike(
    head_sets: Sequence[HeadSet], places: Iterable[int] | None = None
) -> dict[HeadSet, tuple[int, ...]]:
    """Each different set of heads -> where it stands, among ``places`` (None: all)."""
    found: dict[HeadSet, tuple[int, ...]] = {}
    for place in range(len(head_sets)) if places is None else places:
        heads = tuple(sorted(head_sets[place]))
        found[heads] = (*found.get(heads, ()), place)
    return found
