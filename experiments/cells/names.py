"""What things are called in results: a cell, and the keys that several modules read."""

from dataclasses import dataclass

TOP, RANDOM = "top_heads_ablations", "random_heads_ablations"
"""Keys of the study's result documents."""


@dataclass(frozen=True)
class CellName:
    """One cell of the grid; ``model`` is the key of its registry entry, ``tokens`` a length."""

    model: str
    question: str
    tokens: int

    def __str__(self) -> str:
        return f"{self.model}-{self.question}-{self.tokens}"
