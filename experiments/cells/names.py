"""What things are called in results: a cell, and the keys that several modules read."""

from dataclasses import dataclass

from ablation.filings.split import Fold

TOP, RANDOM = "top_heads_ablations", "random_heads_ablations"
"""Keys of the study's result documents."""

UNIFORM_LEVELS = (10, 50)
"""Where uniform controls are drawn more than once. They are details beside the verdict: two levels
tell how far their draws differ, at a third of the price."""


@dataclass(frozen=True)
class CellName:
    """One cell of the grid.

    Attributes:
        model: the key of its registry entry.
        question: the key of the question.
        tokens: the length of its prompts.
        fold: of several splits that test every filing once.
    """

    model: str
    question: str
    tokens: int
    fold: Fold | None = None

    def __str__(self) -> str:
        return f"{self.model}-{self.question}-{self.tokens}{fold_tag(self.fold)}"


def fold_tag(fold: Fold | None) -> str:
    """What the names of a fold's files and cases have more than those of the one split."""
    return "" if fold is None else f"_{fold}".replace(" ", "_")
