"""Reads the figures that the claims are about out of ablation documents."""

from collections.abc import Iterable, Mapping
from typing import Any

TOP, RANDOM = "top_heads_ablations", "random_heads_ablations"


def row_at(document: Mapping[str, Any], kind: str, level: int) -> Mapping[str, Any]:
    """The row of ``kind`` (``TOP`` or ``RANDOM``) with ``level`` heads ablated."""
    return next(row for row in document[kind] if row["num_heads"] == level)


def gap(document: Mapping[str, Any], level: int) -> float:
    """Accuracy drop of the top heads minus that of as many random heads, a fraction."""
    top, random = row_at(document, TOP, level), row_at(document, RANDOM, level)
    return top["accuracy_drop"] - random["accuracy_drop"]


def pooled_drop(documents: Iterable[Mapping[str, Any]], kind: str, level: int) -> float:
    """Mean accuracy drop over cells, a fraction: the study's own way of pooling."""
    drops = [row_at(document, kind, level)["accuracy_drop"] for document in documents]
    return sum(drops) / len(drops)
