"""Heads ordered by a detection method's score."""

import random
import sys
from collections.abc import Mapping, Sequence, Sized
from dataclasses import dataclass
from itertools import islice
from statistics import fmean
from typing import Any

import numpy as np

from ablation.errors import InvalidInput, shortened
from ablation.heads import Head, HeadGrid

MOST_HEADS = 50_000
"""Of a ranking, three times those of the largest models."""

RANDOM_SEED = 42

Entries = list[tuple[Head, float]]
"""Heads and their scores."""


@dataclass(frozen=True)
class HeadRanking:
    """Heads of a model with their scores, best first; equal scores in order of the head.

    Every head of it, unless the ranking is from elsewhere. A score of exactly 0 says that the
    method did not find the head, as Wu24 does of most: such heads have no rank among each other,
    and none of them is ever among the top, where their order would put those of layer 0 first.
    """

    grid: HeadGrid
    entries: tuple[tuple[Head, float], ...]

    @classmethod
    def from_scores(cls, scores: Sequence[Sequence[float]]) -> "HeadRanking":
        """Of scores layer by layer, one for each head."""
        grid = HeadGrid(tuple(len(row) for row in scores))
        entries = [(head, scores[head.layer][head.head]) for head in grid]
        return cls(grid, tuple(ordered(entries)))

    @classmethod
    def of_prompts(
        cls, grid: HeadGrid, scores: Sequence[Sequence[Sequence[float]]]
    ) -> "HeadRanking":
        """Of the mean of the scores on several prompts, each layer by layer, in fp32.

        Without any, every head has a score of 0.

        Raises:
            InvalidInput: scores of more heads, or of fewer.
        """
        total = np.zeros(len(grid))
        for one in scores:
            if (found := tuple(map(len, one))) != grid.by_layer:
                raise InvalidInput(
                    f"scores of {shortened(grid.by_layer)} heads in the layers are required, got "
                    f"{shortened(found)}: they are of another model"
                )
            total += np.concatenate(one, dtype=np.float32)
        means = iter((total / max(1, len(scores))).tolist())
        return cls.from_scores([list(islice(means, heads)) for heads in grid.by_layer])

    @classmethod
    def mean(cls, rankings: "Sequence[HeadRanking]") -> "HeadRanking":
        """The heads that all of ``rankings``, of one model, hold, by their mean score."""
        scores = [dict(ranking.entries) for ranking in rankings]
        everywhere = [head for head, _ in rankings[0].entries if all(head in of for of in scores)]
        entries = [(head, fmean(of[head] for of in scores)) for head in everywhere]
        return cls(rankings[0].grid, tuple(ordered(entries)))

    @property
    def found(self) -> tuple[Head, ...]:
        """The heads with a score other than 0, best first."""
        return tuple(head for head, score in self.entries if score != 0)

    def top(self, n: int) -> tuple[Head, ...]:
        """The ``n`` best heads.

        Raises:
            InvalidInput: fewer were found.
        """
        found = self.found
        if not 0 <= n <= len(found):
            unfound = len(self.entries) - len(found)
            others = f", and {unfound} with a score of 0" if unfound else ""
            raise InvalidInput(
                f"the top {n} heads are required, but the ranking holds {len(found)}{others}: "
                "ablate fewer, or rank by another method"
            )
        return found[:n]

    def to_json(self) -> list[dict[str, Any]]:
        """``[{head, score, rank}, …]`` in the study's format; ranks count from 1."""
        return [
            {"head": str(head), "score": score, "rank": rank}
            for rank, (head, score) in enumerate(self.entries, start=1)
        ]

    @classmethod
    def from_entries(cls, entries: Entries, grid: HeadGrid) -> "HeadRanking":
        """A ranking from elsewhere for a model of size ``grid``; it may leave heads out.

        Raises:
            InvalidInput: no head, a head out of range or twice.
        """
        grid.check(head for head, _ in entries)
        if not entries:
            raise InvalidInput("at least one head must be ranked, got none")
        return cls(grid, tuple(ordered(entries)))

    @classmethod
    def from_json(cls, document: Any, grid: HeadGrid) -> "HeadRanking":
        """Reads the ``head_rankings`` of a detection result for a model of size ``grid``.

        Raises:
            InvalidInput: not such a document, a bad head name or score, a head out of range or
                twice, or none.
        """
        return cls.from_entries(cls.entries_of(document), grid)

    @staticmethod
    def entries_of(document: Any) -> Entries:
        """The heads in such a document, best first, whatever model they are of.

        Raises:
            InvalidInput: not such a document, a bad head name or score.
        """
        rows = document.get("head_rankings") if isinstance(document, Mapping) else None
        if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
            raise InvalidInput("a list 'head_rankings' of {head, score, rank} is required")
        check_number(rows)
        return ordered(
            [
                (Head.parse(row.get("head")), finite_score(row.get("score"), f"entry {number}"))
                for number, row in enumerate(rows, start=1)
            ]
        )


def random_ranking(grid: HeadGrid, seed: int = RANDOM_SEED) -> HeadRanking:
    """All heads in an order drawn by ``random.Random(seed)``: what any method must beat."""
    chance = random.Random(seed)
    scores = [[chance.random() for _ in range(heads)] for heads in grid.by_layer]
    return HeadRanking.from_scores(scores)


def check_number(heads: Sized) -> None:
    """Raises InvalidInput if these are more heads than any model has."""
    if len(heads) > MOST_HEADS:
        raise InvalidInput(
            f"a ranking of at most {MOST_HEADS:,} heads is required, got {len(heads):,}"
        )


def ordered(entries: Entries) -> Entries:
    """Best first; equal scores in order of the head."""
    return sorted(entries, key=lambda entry: (-entry[1], entry[0].layer, entry[0].head))


def finite_score(score: object, where: str) -> float:
    """A score as somebody's file holds it.

    Raises:
        InvalidInput: it is no number, or none that a float holds; ``where`` says whose it is.
    """
    if isinstance(score, bool) or not isinstance(score, int | float):
        raise InvalidInput(f"{where}: a number 'score' is required, got {shortened(score)}")
    # JSON's whole numbers have no bound, and float() raises over those it cannot hold.
    if not abs(score) <= sys.float_info.max:
        raise InvalidInput(f"{where}: a finite 'score' is required, got {shortened(score)}")
    return float(score)


def no_head_found(method: str, samples: int) -> str:
    """What is said of a method that gives every head a score of 0."""
    found = (
        f"found no head in {samples} prompts"
        if samples
        else "requires a prompt whose answer the model retrieves, got none"
    )
    return f"{method} {found}: give shorter prompts, other filings or another method"
