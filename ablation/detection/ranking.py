"""Heads ordered by a detection method's score."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jaxtyping import Float
from torch import Tensor

from ablation.errors import InvalidInput, shortened
from ablation.heads import Head, HeadGrid


@dataclass(frozen=True)
class HeadRanking:
    """Every head of a model with its score, best first; equal scores in order of the head."""

    grid: HeadGrid
    entries: tuple[tuple[Head, float], ...]

    @classmethod
    def from_scores(cls, scores: Float[Tensor, "layers heads"]) -> "HeadRanking":
        grid = HeadGrid(*scores.shape)
        values = scores.tolist()
        entries = [(head, values[head.layer][head.head]) for head in grid]
        return cls(grid, tuple(sorted(entries, key=lambda entry: (-entry[1], entry[0]))))

    def top(self, n: int) -> tuple[Head, ...]:
        """The ``n`` best heads.

        Raises:
            InvalidInput: the model has fewer.
        """
        if not 0 <= n <= len(self.entries):
            raise InvalidInput(
                f"the top {n} heads are required, but the ranking holds {len(self.entries)}"
            )
        return tuple(head for head, _ in self.entries[:n])

    def to_json(self) -> list[dict[str, Any]]:
        """``[{head, score, rank}, …]`` in the study's format; ranks count from 1."""
        return [
            {"head": str(head), "score": score, "rank": rank}
            for rank, (head, score) in enumerate(self.entries, start=1)
        ]

    @classmethod
    def from_json(cls, document: Any, grid: HeadGrid) -> "HeadRanking":
        """Reads the ``head_rankings`` of a detection result for a model of size ``grid``.

        Raises:
            InvalidInput: not such a document, a bad head name or score, a head out of range,
                twice, or missing.
        """
        rows = document.get("head_rankings") if isinstance(document, Mapping) else None
        if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
            raise InvalidInput("a list 'head_rankings' of {head, score, rank} is required")
        entries = []
        for number, row in enumerate(rows, start=1):
            score = row.get("score")
            if isinstance(score, bool) or not isinstance(score, int | float):
                raise InvalidInput(
                    f"entry {number}: a number 'score' is required, got {shortened(score)}"
                )
            # JSON's whole numbers have no bound, and float() raises over those it cannot hold.
            if not abs(score) <= sys.float_info.max:
                raise InvalidInput(
                    f"entry {number}: a finite 'score' is required, got {shortened(score)}"
                )
            entries.append((Head.parse(row.get("head")), float(score)))
        grid.check(head for head, _ in entries)
        if len(entries) != len(grid):
            raise InvalidInput(
                f"all {len(grid)} heads of the model must be ranked, got {len(entries)}"
            )
        return cls(grid, tuple(sorted(entries, key=lambda entry: (-entry[1], entry[0]))))
