"""Ranks the heads of a model by any of the methods."""

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ablation.detection import GRADIENT, METHODS, QRHEAD, RANDOM, SUMMED_ATTENTION, WU24
from ablation.detection.context import Context
from ablation.detection.gradient import gradient_scores
from ablation.detection.qrhead import query_focused_scores
from ablation.detection.ranking import HeadRanking, no_head_found
from ablation.detection.summed_attention import summed_attention_scores
from ablation.detection.wu24 import retrieval_scores
from ablation.errors import ComputationError, InvalidInput
from ablation.heads import HeadGrid
from ablation.prompts.prompt import Prompt
from ablation.sites import head_sites

RANDOM_SEED = 42

_SCORES: Mapping[str, Callable[[Any, Any, Prompt, Context], Tensor | None]] = {
    QRHEAD: lambda model, _, prompt, context: query_focused_scores(model, prompt, context),
    WU24: retrieval_scores,
    SUMMED_ATTENTION: lambda model, _, prompt, context: summed_attention_scores(
        model, prompt, context
    ),
    GRADIENT: lambda model, _, prompt, context: gradient_scores(model, prompt),
}
"""Model, tokenizer, prompt, its context -> a score ``(layers, heads)``; None where a prompt says
nothing."""


@dataclass(frozen=True)
class Detected:
    """What a method found.

    Attributes:
        ranking: all heads, by their score averaged over the samples; all 0 without samples.
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
    found = rank_heads_by_methods(model, tokenizer, prompts, [method])[method]
    if method != RANDOM and not found.samples:
        raise InvalidInput(no_head_found(method, found.samples))
    return found


def rank_heads_by_methods(
    model: Any, tokenizer: Any, prompts: Iterable[Prompt], methods: Sequence[str]
) -> dict[str, Detected]:
    """Ranks all heads by several methods at once; they share what runs the prompts' contexts.

    A method to which no prompt says anything gives every head a score of 0.

    Args:
        model: a causal language model of transformers.
        tokenizer: its tokenizer.
        prompts: the detection prompts.
        methods: of ``ablation.detection.METHODS``.

    Raises:
        InvalidInput: an unknown method, or no prompts.
        ComputationError: a score is NaN.
    """
    for method in methods:
        if method not in METHODS:
            raise InvalidInput(f"unknown method {method!r}: choose one of {', '.join(METHODS)}")
    grid = head_sites(model).grid
    looking = [method for method in methods if method != RANDOM]
    totals = {
        method: torch.zeros(grid.layers, grid.heads, dtype=torch.float64) for method in looking
    }
    samples = dict.fromkeys(looking, 0)
    asked = 0
    for prompt in prompts if looking else ():
        asked += 1
        context = Context(model, prompt.context)
        for method in looking:
            scores = _SCORES[method](model, tokenizer, prompt, context)
            if scores is None:
                continue
            if torch.isnan(scores).any():
                raise ComputationError(f"a score of {method} is NaN: try --dtype float32")
            totals[method] += scores.double()
            samples[method] += 1
    if looking and not asked:
        raise InvalidInput("detection requires at least one filing, got none")
    found = {}
    for method in looking:
        scores = totals[method] / max(1, samples[method])
        found[method] = Detected(HeadRanking.from_scores(scores.tolist()), samples[method])
    return {method: found.get(method, Detected(random_ranking(grid), 0)) for method in methods}


def random_ranking(grid: HeadGrid, seed: int = RANDOM_SEED) -> HeadRanking:
    """All heads in an order drawn by ``random.Random(seed)``: what any method must beat."""
    chance = random.Random(seed)
    scores = [[chance.random() for _ in range(grid.heads)] for _ in range(grid.layers)]
    return HeadRanking.from_scores(scores)
