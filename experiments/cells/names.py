"""What a cell is called: model, question, prompt length."""

from dataclasses import dataclass


@dataclass(frozen=True)
class CellName:
    """One cell of the grid; ``model`` is the key of its registry entry, ``tokens`` a length."""

    model: str
    question: str
    tokens: int

    def __str__(self) -> str:
        return f"{self.model}-{self.question}-{self.tokens}"
