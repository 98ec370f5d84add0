"""Ranks the heads of a model by any of the methods."""

import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ablation.detection import GRADIENT, METHODS, QRHEAD, RANDOM, SUMMED_ATTENTION, WU24
from ablation.detection.gradient import gradient_scores
from ablation.detection.qrhead import query_focused_scores
from ablation.detection.ranking import HeadRanking
from ablation.detection.summed_attention import summed_attention_scores
from ablation.detection.wu24 import retrieval_scores
from ablation.errors import ComputationError, InvalidInput
from ablation.heads import HeadGrid
from ablation.prompts import Prompt
from ablation.sites import head_sites

RANDOM_SEED = 42

_SCORES: Mapping[str, Callable[[Any, Any, Prompt], Tensor | None]] = {
    QRHEAD: lambda model, tokenizer, prompt: query_focused_scores(model, prompt),
    WU24: retrieval_scores,
    SUMMED_ATTENTION: lambda model, tokenizer, prompt: summed_attention_scores(model, prompt),
    GRADIENT: lambda model, tokenizer, prompt: gradient_scores(model, prompt),
}
"""Model, tokenizer, prompt -> a score ``(layers, heads)``; None where a prompt says nothing."""


@dataclass(frozen=True)
class Detected:
    """What a method found.

    Attributes:
        ranking: all heads, by their score averaged over the samples.
        samples: how many prompts said something; 0 for a ranking that needs none.
    """

    ranking: HeadRanking
    samples: int


def rank_heads(
    model: Any, tokenizer: Any, prompts: Iterable[Prompt], method: str = QRHEAD
) -> Detected:
    """Ranks all heads by their scores, averaged over ``prompts``.

    Args:
        model: a causal language model of transformers.
        tokenizer: its tokenizer.
        prompts: the detection prompts.
        method: one of ``ablation.detection.METHODS``.

    Raises:
        InvalidInput: an unknown method; no prompts, or none that says something.
        ComputationError: a score is NaN.
    """
    if method == RANDOM:
        return Detected(random_ranking(head_sites(model).grid), 0)
    if method not in _SCORES:
        raise InvalidInput(f"unknown method {method!r}: choose one of {', '.join(METHODS)}")
    total, asked, samples = torch.zeros(()), 0, 0
    for prompt in prompts:
        asked += 1
        scores = _SCORES[method](model, tokenizer, prompt)
        if scores is None:
            continue
        if torch.isnan(scores).any():
            raise ComputationError(f"a score of {method} is NaN: try --dtype float32")
        total = total + scores.double()
        samples += 1
    if not asked:
        raise InvalidInput("detection requires at least one filing, got none")
    if not samples:
        raise InvalidInput(
            f"{method} requires a prompt whose answer the model retrieves, got none among {asked}: "
            "give shorter prompts, other filings or another method"
        )
    return Detected(HeadRanking.from_scores(total / samples), samples)


def random_ranking(grid: HeadGrid, seed: int = RANDOM_SEED) -> HeadRanking:
    """All heads in an order drawn by ``random.Random(seed)``: what any method must beat."""
    chance = random.Random(seed)
    scores = [[chance.random() for _ in range(grid.heads)] for _ in range(grid.layers)]
    return HeadRanking.from_scores(torch.tensor(scores, dtype=torch.float64))
