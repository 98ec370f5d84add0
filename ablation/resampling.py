"""Pairs prompts for ``ResampleAblation``, and runs the other prompt of each pair."""

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor

from ablation.ablator import require_unablated
from ablation.assets.text import ids_sha256
from ablation.capture import capture_z
from ablation.errors import InvalidInput
from ablation.modes import ResampleAblation
from ablation.protocol import Scope
from ablation.sites import head_sites


def resample_ablation(
    prompts: Sequence[Sequence[int]], *, seed: int = 42, scope: Scope = Scope.ALL
) -> ResampleAblation:
    """The resample ablation in which each of ``prompts`` gets the z of another of its length.

    Prompts of one length stand in a ring in an order drawn by ``random.Random(seed)``, and each
    takes from the next: every one gives once, and none to itself.

    Raises:
        InvalidInput: a prompt has no other one of its length.
    """
    by_length: dict[int, list[tuple[int, ...]]] = defaultdict(list)
    for prompt in dict.fromkeys(map(tuple, prompts)):
        by_length[len(prompt)].append(prompt)
    chance = random.Random(seed)
    donors: dict[tuple[int, ...], tuple[int, ...]] = {}
    for length, alike in by_length.items():
        if len(alike) == 1:
            raise InvalidInput(
                f"resampling requires two different prompts of {length} tokens, got one"
            )
        chance.shuffle(alike)
        donors |= dict(zip(alike, alike[1:] + alike[:1], strict=True))
    every_id = torch.tensor([token for prompt in prompts for token in prompt])
    return ResampleAblation(
        donors, f"seed {seed}, {len(donors)} prompts, sha256 {ids_sha256(every_id)}", scope=scope
    )


@torch.inference_mode()
def with_donors(
    ablation: ResampleAblation, model: Any, prompts: Int[Tensor, "batch seq"]
) -> ResampleAblation:
    """The ablation of these rows, with z of their donors under the unablated model.

    Memory: z of all layers, ``batch × seq × layers × heads × head_dim`` values.

    Raises:
        InvalidInput: a prompt is not among those that were paired, or heads of the model are
            ablated.
    """
    require_unablated(model, "donors' z")
    wanted = [tuple(prompt) for prompt in prompts.tolist()]
    unknown = [number for number, prompt in enumerate(wanted) if prompt not in ablation.donors]
    if unknown:
        raise InvalidInput(
            f"row {unknown[0]} holds a prompt that was not paired: make the resample ablation of "
            "all prompts that are asked"
        )
    ids = torch.tensor([ablation.donors[prompt] for prompt in wanted], device=prompts.device)
    layers = range(len(head_sites(model).layers))
    with capture_z(model, layers) as z:
        model.base_model(input_ids=ids, use_cache=False)
    return replace(ablation, z=[z[layer] for layer in layers])
