"""The prompts of the check: random tokens, past each limit of the attention where that is quick."""

from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor

from ablation.hooks.attention import EAGER, SDPA
from ablation.metrics.devices import input_device
from ablation.passes.positions import context_of, span_limits

TOKENS, BEYOND, DECODED = 12, 8, 3
"""Of the shortest prompt, past a limit, and of each answer: of three tokens two are verified at
once."""

TAIL = 1 / 12
"""Of each of the two prompts, what comes behind what they begin with: short enough for the two to
share a call of attention, see ``passes.bundles``."""

LONGEST = {SDPA: 8192, EAGER: 2048}
"""Limits of the attention beyond which it is not tried: an eager kernel forms all weights."""

WORK_ON_CPU = 2e11
"""The same on a CPU, in tokens × weights: 20 seconds, by SmolLM2, whose 5e10 took 4.7 on two cores
with AVX-512."""


def untried_limits(model: Any) -> list[int]:
    """Limits of the attention that prompts of ``model`` can pass and its check does not, in tokens.

    Those beyond ``LONGEST``, and on a CPU those that take longer than ``WORK_ON_CPU``.
    """
    tried, longest = longest_tried(model), context_of(model.config) - DECODED
    return [at - BEYOND for at in lengths_past_limits(model, longest) if at > tried]


def lengths_past_limits(model: Any, longest: int) -> list[int]:
    """Tokens of prompts that go past each limit of the attention, as far as there is room."""
    return [at + BEYOND for at in span_limits(model.config) if at + BEYOND <= longest]


def longest_tried(model: Any) -> int:
    """Tokens of the longest prompt that is tried."""
    kernel = EAGER if model.config._attn_implementation == EAGER else SDPA
    longest = min(LONGEST[kernel] + BEYOND, context_of(model.config) - DECODED)
    if input_device(model).type == "cpu":
        longest = min(longest, max(TOKENS, int(WORK_ON_CPU / model.num_parameters())))
    return longest


def random_prompts(model: Any, length: int) -> Int[Tensor, "2 length"]:
    """Two prompts that begin alike."""
    tokens = model.get_input_embeddings().weight.shape[0]
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(tokens, (2, length), generator=generator)
    common = length - int(length * TAIL)
    ids[1, :common] = ids[0, :common]
    return ids.to(input_device(model))
