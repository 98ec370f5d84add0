"""How many prompts go through a model at once: as many as memory has room for."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from ablation.metrics.devices import devices_of
from ablation.passes.token_tree import agreement

DECODED_ON_CPU = 8
"""Answers that are decoded side by side on a CPU: each step reads all weights, once for all. Of 112
answers of SmolLM2 under 7 sets of heads decoding takes 18 of 75 s with 4, 11.5 of 57 with 8, 10 of
57 with 16 (two cores with AVX-512); but keys of more sets wait: 525, 600 and 770 MB."""

PROMPTS_ON_CPU = 4
"""What has as many tokens as four prompts goes through a CPU at once. More is not worth its memory:
of a cell of 16 prompts of 512 tokens 78% are left where four stand together, 73% where all do."""

READ_ON_CPU = 8
"""The same where prompts are read for detection, which decodes nothing: of the tokens of 64 prompts
of 512 75% are left where four stand together, 72% where eight do."""

SECONDS_ON_CPU, RATE_ON_CPU = 30.0, 15e9
"""Nor goes more through at once than a process computes in half a minute, since what is on its way
is lost with it, unless one prompt takes longer. Multiply-adds a second, attention left out: an
estimate for one process of four on two cores with AVX2, from a cold run of a QRHead cell (a result
of SmolLM2, of 400 tokens that are left of 512, every 3.9 s and process)."""

SHARE_OF_FREE_MEMORY = 0.5
"""What a batch may take of an accelerator's; the rest is for what is estimated too low."""


@dataclass(frozen=True)
class Room:
    """How much may be on its way at once.

    Attributes:
        tokens: of prompts, those that several begin with counted once; one prompt always fits.
        rows: answers that are decoded side by side.
    """

    tokens: int
    rows: int


ONE_BY_ONE = Room(tokens=0, rows=1)


def in_batches(
    prompts: Sequence[Sequence[int]], places: Sequence[int], tokens: int, *, shared: bool
) -> list[tuple[int, ...]]:
    """The prompts at ``places`` in batches of at most so many tokens, but of one prompt at least.

    Neighbours in the order of their tokens begin alike, and go into one batch.

    Args:
        prompts: token ids.
        places: of those that are wanted.
        tokens: how many a batch may have.
        shared: whether what prompts begin with counts once.
    """
    batches: list[tuple[int, ...]] = []
    taken = 0
    for place in sorted(places, key=lambda place: tuple(prompts[place])):
        new = len(prompts[place])
        if shared and batches:
            new -= agreement([prompts[batches[-1][-1]], prompts[place]])
        if batches and taken + new <= tokens:
            batches[-1] += (place,)
            taken += new
        else:
            batches.append((place,))
            taken = len(prompts[place])
    return batches


def room_for(
    model: Any, length: int, activation_bytes: int, *, prompts: int = PROMPTS_ON_CPU
) -> Room:
    """What fits at once, of prompts of ``length`` tokens.

    Args:
        model: a causal language model of transformers.
        length: of a prompt.
        activation_bytes: what may be taken of a CPU's memory; an accelerator's is asked.
        prompts: as many as are worth a CPU's memory.
    """
    config = model.config
    head_dim = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    kv_heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    inner = getattr(config, "intermediate_size", None) or 4 * config.hidden_size
    # Keys and values of every layer, once in the walk and once with room for the answer; and the
    # streams and inner activations of a layer.
    kept = 2 * 2 * config.num_hidden_layers * kv_heads * head_dim
    passing = 8 * config.hidden_size + 3 * inner
    per_token = model.dtype.itemsize * (kept + passing)
    accelerators = [device for device in devices_of(model) if device.type == "cuda"]
    if not accelerators:
        in_time = SECONDS_ON_CPU * RATE_ON_CPU / model.num_parameters()
        worth = min(prompts * length, int(in_time))
        return Room(min(activation_bytes // per_token, worth), DECODED_ON_CPU)
    # Each device holds the keys of its own layers: the fullest one decides, as if it held all.
    free = min(torch.cuda.mem_get_info(device)[0] for device in accelerators)
    tokens = int(SHARE_OF_FREE_MEMORY * free / per_token)
    return Room(tokens, max(1, tokens // length))
