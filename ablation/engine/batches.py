"""Prompts in batches of equal length, as large as memory allows."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch

from ablation.engine.drafted import Drafts
from ablation.engine.engines import Engine
from ablation.engine.head_sets import HeadSet
from ablation.metrics.answers import Answer
from ablation.metrics.devices import input_device
from ablation.modes.protocol import Ablation
from ablation.passes.known_tokens import check_known
from ablation.passes.room import Room, in_batches, room_for

Found = tuple[tuple[int, ...], tuple[int, ...], list[Answer]]
"""Places of prompts, places of sets of heads, and the answers that all these sets give to them."""


def answers_where_wanted(
    engine: Engine,
    model: Any,
    tokenizer: Any,
    prompts: Sequence[Sequence[int]],
    wanted: Mapping[HeadSet, Sequence[int]],
    ablation: Ablation,
    room: Room | None = None,
) -> Iterator[list[tuple[HeadSet, int, Answer]]]:
    """Gives the greedy answers under each set of heads to those prompts for which it is wanted.

    Sets that are wanted for the same prompts are run together, see ``answers_in_batches``: one set
    for many prompts shares what they begin with, many sets for one prompt share the layers in which
    they agree.

    Args:
        engine: how they are found.
        model: a causal language model of transformers.
        tokenizer: its tokenizer.
        prompts: token ids of each prompt.
        wanted: heads that are ablated together -> places in ``prompts``.
        ablation: how they are ablated.
        room: how large a batch may be; None: what fits into memory.

    Yields:
        What is found together: a set of heads, a place in ``prompts``, and the answer there.
    """
    together: dict[tuple[int, ...], list[HeadSet]] = {}
    for heads, places in wanted.items():
        together.setdefault(tuple(sorted(places)), []).append(heads)
    drafts = Drafts()
    for places, sets in together.items():
        asked = [prompts[place] for place in places]
        for items, members, found in answers_in_batches(
            engine, model, tokenizer, asked, sets, ablation, room, drafts
        ):
            yield [
                (sets[member], places[item], answer)
                for member in members
                for item, answer in zip(items, found, strict=True)
            ]


def answers_in_batches(
    engine: Engine,
    model: Any,
    tokenizer: Any,
    prompts: Sequence[Sequence[int]],
    head_sets: Sequence[HeadSet],
    ablation: Ablation,
    room: Room | None = None,
    drafts: Drafts | None = None,
) -> Iterator[Found]:
    """Gives the greedy answers to all prompts under all sets of heads, batch by batch.

    Prompts that begin alike are in one batch, if it is large enough. Where there is room for more
    rows than there are prompts, several sets of heads are decoded at once. A batch that does not
    fit into the device's memory is halved.

    Args:
        engine: how they are found.
        model: a causal language model of transformers.
        tokenizer: its tokenizer.
        prompts: token ids of each prompt.
        head_sets: the heads that are ablated together.
        ablation: how they are ablated.
        room: how large a batch may be; None: what fits into memory.
        drafts: answers to draft from; those that are found are added to it.

    Yields:
        Places in ``prompts``, places in ``head_sets``, and the answer that all these sets give to
        each of these prompts.

    Raises:
        InvalidInput, ComputationError: as ``Engine.answers``; or as ``check_known``.
        torch.OutOfMemoryError: a single prompt does not fit.
    """
    check_known(model, prompts)
    by_length: dict[int, list[int]] = defaultdict(list)
    for place, prompt in enumerate(prompts):
        by_length[len(prompt)].append(place)
    drafts, device = Drafts() if drafts is None else drafts, input_device(model)
    for length, places in by_length.items():
        fits = room or room_for(model, length, engine.activation_bytes)
        shared = not (ablation.reads_ahead or ablation.tells_prompts_apart)
        batches = in_batches(prompts, places, fits.tokens, shared=shared)
        everything = list(range(len(head_sets)))
        waiting, rows = [(batch, everything) for batch in reversed(batches)], fits.rows
        while waiting:
            batch, left = waiting.pop()
            ids = torch.tensor([list(prompts[place]) for place in batch], device=device)
            sets = [head_sets[place] for place in left]
            given: set[int] = set()
            try:
                for members, answers in engine.answers(
                    model, tokenizer, ids, sets, ablation, drafts, rows
                ):
                    found = tuple(left[member] for member in members)
                    given.update(found)
                    yield batch, found, answers
            except torch.OutOfMemoryError:
                left = [place for place in left if place not in given]
                half = len(batch) // 2
                if half:
                    waiting += [(batch[half:], left), (batch[:half], left)]
                elif rows > 1:
                    waiting.append((batch, left))
                    rows //= 2
                else:
                    raise
