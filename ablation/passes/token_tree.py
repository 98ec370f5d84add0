"""Prompts as a tree: what several of them begin with stands in it once.

A causal model makes of a token what it makes of the tokens before it. Under the same ablated heads
the shared beginning of two prompts is therefore one computation. The tree's tokens are packed one
after another into a single row; ``tree_attention`` lets each see its own prompt only.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Int
from torch import Tensor


@dataclass(frozen=True)
class Segment:
    """Neighbouring tokens that the same prompts have.

    Attributes:
        place: where its first token stands in the packed row.
        start: the position of that token in its prompts.
        length: how many tokens it has, at least one.
        prompts: how many prompts have them.
        before: the segments that its prompts begin with, the first one first.
    """

    place: int
    start: int
    length: int
    prompts: int
    before: "tuple[Segment, ...]" = ()

    @property
    def end(self) -> int:
        """The position behind its last token."""
        return self.start + self.length

    @property
    def path(self) -> "tuple[Segment, ...]":
        """The segments from the beginning of its prompts up to itself."""
        return (*self.before, self)

    @property
    def places(self) -> slice:
        """Its tokens in the packed row."""
        return slice(self.place, self.place + self.length)


class TokenTree:
    """The tree of ``prompts``.

    Args:
        prompts: token ids, at least one of each.
        shared: whether prompts share what they begin with; otherwise each stands for itself.

    Attributes:
        segments: in the order of the packed row, a beginning ahead of what goes on from it.
        last: for each prompt, the segment that it ends with.
    """

    def __init__(self, prompts: Sequence[Sequence[int]], *, shared: bool = True) -> None:
        self._prompts = [tuple(prompt) for prompt in prompts]
        self.segments: list[Segment] = []
        self.last: dict[int, Segment] = {}
        numbers = list(range(len(self._prompts)))
        for together in [numbers] if shared else [[number] for number in numbers]:
            self._grow(together, ())

    def _grow(self, prompts: list[int], before: tuple[Segment, ...]) -> None:
        """Adds what ``prompts``, which agree as far as ``before`` goes, have behind it."""
        at = before[-1].end if before else 0
        by_token: dict[int, list[int]] = {}
        for number in prompts:
            if len(self._prompts[number]) == at:
                self.last[number] = before[-1]
            else:
                by_token.setdefault(self._prompts[number][at], []).append(number)
        for together in by_token.values():
            length = agreement([self._prompts[number][at:] for number in together])
            segment = Segment(len(self), at, length, len(together), before)
            self.segments.append(segment)
            self._grow(together, segment.path)

    def __len__(self) -> int:
        """How many tokens are in the packed row."""
        return self.segments[-1].places.stop if self.segments else 0

    @cached_property
    def ids(self) -> Int[Tensor, "1 packed"]:
        """The packed row."""
        row = torch.zeros(1, len(self), dtype=torch.long)
        for number, segment in self.last.items():
            for one in segment.path:
                row[0, one.places] = torch.tensor(self._prompts[number][one.start : one.end])
        return row

    @cached_property
    def positions(self) -> Int[Tensor, "1 packed"]:
        """Where each token stands in its prompts."""
        ranges = [torch.arange(segment.start, segment.end) for segment in self.segments]
        return torch.cat(ranges)[None]

    @cached_property
    def prompt_of(self) -> Int[Tensor, "1 packed"]:
        """For each token, a prompt that has it there."""
        numbers = torch.zeros(1, len(self), dtype=torch.long)
        for number, segment in self.last.items():
            for one in segment.path:
                numbers[0, one.places] = number
        return numbers

    @cached_property
    def ends(self) -> Int[Tensor, " prompts"]:
        """Where the last token of each prompt is in the packed row."""
        last = [self.last[number] for number in range(len(self._prompts))]
        return torch.tensor([segment.places.stop - 1 for segment in last])

    def places(self, prompt: int) -> Int[Tensor, " seq"]:
        """Where the tokens of a prompt are in the packed row, in its order."""
        path = self.last[prompt].path
        return torch.cat([torch.arange(one.place, one.place + one.length) for one in path])


def agreement(prompts: Sequence[Sequence[int]]) -> int:
    """How many tokens the prompts begin with alike."""
    length = 0
    for tokens in zip(*prompts, strict=False):
        if any(token != tokens[0] for token in tokens):
            break
        length += 1
    return length
