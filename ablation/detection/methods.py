"""Ranks the heads of a model by any of the methods."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ablation.detection import (
    GRADIENT,
    METHODS,
    QRHEAD,
    QRHEAD_CHAT,
    RANDOM,
    SUMMED_ATTENTION,
    WU24,
)
from ablation.detection.gradient import gradient_scores
from ablation.detection.qrhead import query_focused_scores
from ablation.detection.ranking import HeadRanking, no_head_found, random_ranking
from ablation.detection.reading import Reading, read
from ablation.detection.summed_attention import summed_attention_scores
from ablation.detection.wu24 import retrieval_scores
from ablation.errors import ComputationError, InvalidInput
from ablation.hooks.sites import head_sites
from ablation.metrics.answers import MAX_NEW_TOKENS
from ablation.passes import ACTIVATION_MIB
from ablation.passes.allocator import give_back_freed_memory
from ablation.passes.positions import check_positions
from ablation.passes.room import READ_ON_CPU, in_batches, room_for
from ablation.prompts.prompt import Prompt

Scores = Mapping[str, Tensor | None]
"""Method -> what it says of one prompt, ``(layers, heads)``; None where that is nothing.

Where layers have more and fewer heads, ``heads`` are those of the widest (``HeadGrid.own``).
"""


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
    """Ranks all heads by several methods at once; they share the pass over the prompts.

    A method to which no prompt says anything gives every head a score of 0.

    Args:
        model: a causal language model of transformers.
        tokenizer: its tokenizer.
        prompts: the detection prompts.
        methods: of ``ablation.detection.METHODS``.

    Raises:
        InvalidInput: an unknown method, or no prompts; or as ``check_positions``.
        ComputationError: a score is NaN.
    """
    check_methods(methods)
    grid, prompts = head_sites(model).grid, list(prompts)
    looking = [method for method in methods if method != RANDOM]
    if looking and not prompts:
        raise InvalidInput("detection requires at least one filing, got none")
    of_each = [looking] * len(prompts)
    by_prompt = dict(scores_of_prompts(model, tokenizer, prompts, of_each) if looking else ())
    found = {RANDOM: Detected(random_ranking(grid), 0)}
    for method in looking:
        scores = [by_prompt[place][method] for place in range(len(prompts))]
        said = [grid.own(one.tolist()) for one in scores if one is not None]
        found[method] = Detected(HeadRanking.of_prompts(grid, said), len(said))
    return {method: found[method] for method in methods}


def check_methods(methods: Sequence[str]) -> None:
    """Raises InvalidInput unless all ``methods`` are known."""
    for method in methods:
        if method not in METHODS:
            raise InvalidInput(f"unknown method {method!r}: choose one of {', '.join(METHODS)}")


def scores_of_prompts(
    model: Any,
    tokenizer: Any,
    prompts: Sequence[Prompt],
    methods: Sequence[Sequence[str]],
    *,
    activation_bytes: int = ACTIVATION_MIB << 20,
) -> Iterator[tuple[int, Scores]]:
    """Scores every head on prompts by methods that look at prompts, which share the passes.

    The scores on a prompt depend, in their last digits, on the prompts that are given, and not on
    what is wanted of the others.

    Args:
        model: a causal language model of transformers.
        tokenizer: its tokenizer.
        prompts: the prompts.
        methods: by which methods each prompt is scored, if by any: of
            ``ablation.detection.METHODS`` without ``random``.
        activation_bytes: what prompts that are read at once may take of a CPU's memory.

    Yields:
        A place in ``prompts``, and the scores there, where some are wanted; in an order in which
        prompts that begin alike are read at once.

    Raises:
        InvalidInput: as ``check_positions``.
        ComputationError: a score is NaN.
    """
    # Together: those that share a pass have the frequencies of the longest.
    shortest = min((len(prompt.context) for prompt in prompts), default=0)
    longest = max((len(prompt.ids) for prompt in prompts), default=0)
    check_positions(model, shortest, longest + MAX_NEW_TOKENS - 1)
    ids = [prompt.ids for prompt in prompts]
    room = room_for(model, max(map(len, ids)), activation_bytes, prompts=READ_ON_CPU)
    for places in in_batches(ids, range(len(ids)), room.tokens, shared=True):
        batch = [prompts[place] for place in places]
        readings: Sequence[Reading | None] = [None] * len(batch)
        looking = {method for place in places for method in methods[place]} - {GRADIENT}
        if looking:
            # Wu24 goes on from the keys, token by token.
            readings = read(model, batch, keeps_keys=WU24 in looking)
        for place, prompt, reading in zip(places, batch, readings, strict=True):
            if methods[place]:
                scores = {m: _scores(model, tokenizer, prompt, reading, m) for m in methods[place]}
                yield place, scores
        del readings, reading
        give_back_freed_memory()


def _scores(
    model: Any, tokenizer: Any, prompt: Prompt, reading: Reading | None, method: str
) -> Tensor | None:
    if method == GRADIENT:
        scores: Tensor | None = gradient_scores(model, prompt)
    else:
        assert reading is not None
        if method == QRHEAD:
            scores = query_focused_scores(reading.asked)
        elif method == QRHEAD_CHAT:
            scores = query_focused_scores(reading.asked_in_chat)
        elif method == SUMMED_ATTENTION:
            scores = summed_attention_scores(reading)
        else:
            scores = retrieval_scores(model, tokenizer, prompt, reading)
    if scores is not None and torch.isnan(scores).any():
        raise ComputationError(f"a score of {method} is NaN: try --dtype float32")
    return scores
