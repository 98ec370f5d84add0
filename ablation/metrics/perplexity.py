"""What a perplexity is, block by block of a text, so that it can be resampled.

    PPL = exp( sum of NLL / number of next-token positions )

with the negative log-likelihood (NLL) in nats. ``measured_perplexity`` measures one.
"""

import itertools
import math
from dataclasses import dataclass

from ablation.errors import InvalidInput

BLOCK = 64
"""Positions whose NLL is kept as one sum: what a bootstrap resamples where windows are few."""


@dataclass(frozen=True)
class Bos:
    """What windows of a text begin with. It is given, and what follows is predicted.

    Attributes:
        ids: of its tokens; most models have one, GLM-4 has two.
        each: in every window, which then holds so many tokens of the text less; otherwise only in
            the first.

    Raises:
        InvalidInput: it has no tokens.
    """

    ids: tuple[int, ...]
    each: bool

    def __post_init__(self) -> None:
        if not self.ids:
            raise InvalidInput("a BOS requires at least one token, got none")

    def __str__(self) -> str:
        ids = " ".join(map(str, self.ids))
        return f"{ids} before {'each window' if self.each else 'the first window'}"


@dataclass(frozen=True)
class Perplexity:
    """NLL of a text, in consecutive blocks of its windows.

    Attributes:
        block_nll_sums: window by window, nats summed over each block of at most ``BLOCK``
            positions.
        block_counts: the next-token positions of each block.
    """

    block_nll_sums: tuple[tuple[float, ...], ...]
    block_counts: tuple[tuple[int, ...], ...]

    @property
    def window_nll_sums(self) -> tuple[float, ...]:
        """Nats, summed over a window's positions."""
        return tuple(map(math.fsum, self.block_nll_sums))

    @property
    def window_counts(self) -> tuple[int, ...]:
        """Next-token positions of a window."""
        return tuple(map(sum, self.block_counts))

    @property
    def nll_sum(self) -> float:
        """Nats over all positions of all windows."""
        return math.fsum(itertools.chain.from_iterable(self.block_nll_sums))

    @property
    def count(self) -> int:
        """Next-token positions of all windows."""
        return sum(self.window_counts)

    @property
    def nll(self) -> float:
        """Nats per token."""
        return self.nll_sum / self.count

    @property
    def value(self) -> float:
        """exp(nats per token); infinite where a float64 cannot hold it."""
        try:
            return math.exp(self.nll)
        except OverflowError:
            return math.inf
