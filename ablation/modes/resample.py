"""Resample ablation: z becomes that of the unablated model on another prompt."""

import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import torch
from jaxtyping import Int
from torch import Tensor

from ablation.errors import InvalidInput
from ablation.hooks.capture import capture_z, require_unablated
from ablation.hooks.sites import LayerSite, head_sites
from ablation.metrics.decoder import decoder_of
from ablation.modes import RESAMPLE, Scope
from ablation.modes.base import OfZ
from ablation.modes.description import RESAMPLE_SEED, described, pairing
from ablation.modes.protocol import Replacement, Seen


@dataclass(frozen=True, eq=False)
class ResampleAblation(OfZ):
    """Resample ablation of z: ``z[h] <- z[h]`` of the unablated model on another prompt.

    ``resample_ablation`` pairs the prompts. Position for position; positions beyond the prompt,
    those of the answer, take the z of the other prompt's last one. All ablated heads of a row take
    theirs from the same prompt. The value bias is kept.

    When it misleads: z is one that the head does give, but of a prompt that says something else:
    what is measured is harm by wrong information as much as by the lack of the right one; and the
    other prompt's answer may be the same (Chan et al. 2022, causal scrubbing; Zhang & Nanda
    2309.16042).

    Attributes:
        donors: token ids of each prompt -> those of the one whose z it gets.
        pairing: how they were paired, for result files.
        z: for each layer, z ``(batch, seq, heads, head_dim)`` of the donors of the rows; empty
            until ``for_prompts``.
    """

    donors: Mapping[tuple[int, ...], tuple[int, ...]]
    pairing: str
    z: Sequence[Tensor] = ()
    mode: ClassVar[str] = RESAMPLE
    tells_prompts_apart: ClassVar[bool] = True

    def for_prompts(self, model: Any, prompts: Int[Tensor, "batch seq"]) -> "ResampleAblation":
        return with_donors(self, model, prompts)

    def replacement(self, site: LayerSite) -> Replacement:
        if not self.z:
            raise InvalidInput(
                "resample ablation is of prompts, and has not been told which: use for_prompts"
            )
        z = self.z[site.layer]

        def of_the_donors(seen: Seen) -> Tensor:
            positions = seen.positions.to(z.device).clamp(max=z.shape[1] - 1)
            if seen.prompts is not None:
                return z[seen.prompts.to(z.device), positions]
            if len(positions) == 1:
                return z[:, positions[0]]
            # Several sets of heads: the same prompts over and over.
            rows = torch.arange(len(positions), device=z.device) % len(z)
            return z[rows[:, None], positions]

        return of_the_donors

    def describe(self) -> dict[str, str]:
        return described(self.mode, self.scope, donors=self.pairing)


def resample_ablation(
    prompts: Sequence[Sequence[int]], *, seed: int = RESAMPLE_SEED, scope: Scope = Scope.ALL
) -> ResampleAblation:
    """The resample ablation in which each of ``prompts`` gets the z of another of its length.

    Prompts of one length stand in a ring in an order drawn by ``random.Random(seed)``, and each
    takes from the next: every one gives once, and none to itself.

    Raises:
        InvalidInput: a prompt has no other one of its length.
    """
    paired = pairing(prompts, seed)
    by_length: dict[int, list[tuple[int, ...]]] = defaultdict(list)
    for prompt in dict.fromkeys(map(tuple, prompts)):
        by_length[len(prompt)].append(prompt)
    chance = random.Random(seed)
    donors: dict[tuple[int, ...], tuple[int, ...]] = {}
    for alike in by_length.values():
        chance.shuffle(alike)
        donors |= dict(zip(alike, alike[1:] + alike[:1], strict=True))
    return ResampleAblation(donors, paired, scope=scope)


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
        decoder_of(model)(input_ids=ids, use_cache=False)
    return replace(ablation, z=[z[layer] for layer in layers])
