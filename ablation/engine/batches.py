"""Prompts in batches of equal length, as large as the device's memory allows."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import torch

from ablation.engine.drafted import Drafts
from ablation.engine.engines import Engine
from ablation.engine.head_sets import HeadSet
from ablation.modes.protocol import Ablation

ROWS_ON_CPU = 1
"""Two rows are a tenth faster, but the keys and values that lie between an allocator's free blocks
take 220 MB more of each worker (SmolLM2, 512 tokens)."""

SHARE_OF_FREE_MEMORY = 0.5
"""What a batch may take of an accelerator's; the rest is for what is estimated too low."""


def answers_in_batches(
    engine: Engine,
    model: Any,
    tokenizer: Any,
    prompts: Sequence[Sequence[int]],
    head_sets: Sequence[HeadSet],
    ablation: Ablation,
    rows: int | None = None,
) -> Iterator[tuple[tuple[int, ...], tuple[int, ...], list[str]]]:
    """Gives the greedy answers to all prompts under all sets of heads, batch by batch.

    Where there is room for more rows than there are prompts, several sets of heads share a batch.
    A batch that does not fit into the device's memory is halved.

    Args:
        engine: how they are found.
        model: a causal language model of transformers.
        tokenizer: its tokenizer.
        prompts: token ids of each prompt.
        head_sets: the heads that are ablated together.
        ablation: how they are ablated.
        rows: rows in a batch; None: what fits into memory.

    Yields:
        Places in ``prompts``, places in ``head_sets``, and the answer that all these sets give to
        each of these prompts.

    Raises:
        InvalidInput, ComputationError: as ``Engine.answers``.
        torch.OutOfMemoryError: a single prompt does not fit.
    """
    by_length: dict[int, list[int]] = defaultdict(list)
    for place, prompt in enumerate(prompts):
        by_length[len(prompt)].append(place)
    drafts = Drafts()
    for length, places in by_length.items():
        fit = rows_that_fit(model, length) if rows is None else rows
        size = min(fit, len(places))
        sets_at_once = fit // size
        waiting = [tuple(places[at : at + size]) for at in range(0, len(places), size)][::-1]
        while waiting:
            batch = waiting.pop()
            ids = torch.tensor([list(prompts[place]) for place in batch], device=model.device)
            try:
                found = list(
                    engine.answers(model, tokenizer, ids, head_sets, ablation, drafts, sets_at_once)
                )
            except torch.OutOfMemoryError:
                half = len(batch) // 2
                if half:
                    waiting += [batch[half:], batch[:half]]
                elif sets_at_once > 1:
                    waiting.append(batch)
                    sets_at_once //= 2
                else:
                    raise
                continue
            for members, answers in found:
                yield batch, members, answers


def rows_that_fit(model: Any, length: int) -> int:
    """How many prompts of ``length`` tokens may go through the model at once; at least 1."""
    if model.device.type != "cuda":
        return ROWS_ON_CPU
    config = model.config
    head_dim = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    kv_heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    inner = getattr(config, "intermediate_size", None) or 4 * config.hidden_size
    # Keys and values of every layer, once in the walk and once with room for the answer; and the
    # streams and inner activations of a layer.
    kept = 2 * 2 * config.num_hidden_layers * kv_heads * head_dim
    passing = 8 * config.hidden_size + 3 * inner
    free, _ = torch.cuda.mem_get_info(model.device)
    return max(
        1, int(SHARE_OF_FREE_MEMORY * free / (length * model.dtype.itemsize * (kept + passing)))
    )
