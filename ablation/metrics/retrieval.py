"""How well paragraphs are ranked: the place of the gold one."""

from collections.abc import Sequence
from statistics import fmean


def ranked(scores: Sequence[float]) -> list[int]:
    """The places of the scores, best first; of equal ones the last, as a constant is no merit."""
    return sorted(range(len(scores)), key=lambda place: (-scores[place], -place))


def rank_of(scores: Sequence[float], gold: int) -> int:
    """The rank of the gold paragraph, counted from 1."""
    return 1 + ranked(scores).index(gold)


def recall_at(ranks: Sequence[int], k: int) -> float:
    """Recall@k: the share of queries whose gold paragraph is among the ``k`` best."""
    return fmean(rank <= k for rank in ranks)


def mean_reciprocal_rank(ranks: Sequence[int]) -> float:
    """MRR: the mean over queries of 1 over the rank of the gold paragraph."""
    return fmean(1 / rank for rank in ranks)
