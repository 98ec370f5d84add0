"""How an ablation is written down: what a result depends on, said without making the ablation.

A result is looked up by the description; the ablation, for which a model must run, is made only if
there is none.
"""

from collections.abc import Sequence

from ablation.assets.token_ids import ids_sha256
from ablation.errors import InvalidInput
from ablation.metrics.perplexity import Bos
from ablation.modes import MEAN, MEAN_BY_POSITION, RESAMPLE, BiasPolicy, Scope

RESAMPLE_SEED = 42

Prompts = Sequence[Sequence[int]]
"""Token ids of each prompt."""


def described(
    mode: str, scope: Scope = Scope.ALL, bias: BiasPolicy = BiasPolicy.KEEP, **more: str
) -> dict[str, str]:
    """Mode, site, scope, bias, and what else of an ablation of z."""
    return {"mode": mode, "site": "z", "scope": scope.value, "bias": bias.value, **more}


def mean_over_text(ids: Sequence[int], window: int, bos: Bos | None = None) -> str:
    """What the means of ``mean_ablation`` are over."""
    begin = "" if bos is None else f" with BOS {bos}"
    return f"{len(ids)} tokens in windows of {window}{begin}, sha256 {ids_sha256(ids)}"


def mean_over_prompts(prompts: Prompts, by_position: bool) -> str:
    """What the means of ``mean_ablation_of_prompts`` are over.

    Raises:
        InvalidInput: no prompts; or, by position, prompts of several lengths.
    """
    if not prompts:
        raise InvalidInput("a mean over prompts requires at least one, got none")
    lengths = sorted({len(prompt) for prompt in prompts})
    if by_position and len(lengths) > 1:
        raise InvalidInput(
            f"a mean by position requires prompts of one length, got {lengths[0]} to {lengths[-1]}"
        )
    reference = f"{len(prompts)} prompts{', by position' * by_position}"
    return f"{reference}, sha256 {_prompts_sha256(prompts)}"


def pairing(prompts: Prompts, seed: int = RESAMPLE_SEED) -> str:
    """How ``resample_ablation`` pairs these prompts.

    Raises:
        InvalidInput: a prompt has no other one of its length.
    """
    different = dict.fromkeys(map(tuple, prompts))
    lengths = [len(prompt) for prompt in different]
    for length in lengths:
        if lengths.count(length) == 1:
            raise InvalidInput(
                f"resampling requires two different prompts of {length} tokens, got one"
            )
    return f"seed {seed}, {len(different)} prompts, sha256 {_prompts_sha256(prompts)}"


def of_prompts(
    mode: str, scope: Scope, bias: BiasPolicy, detection: Prompts, test: Prompts
) -> dict[str, str]:
    """The description of a mode in which means are over some prompts and others are asked.

    Raises:
        InvalidInput: as ``mean_over_prompts`` and ``pairing``.
    """
    if mode in (MEAN, MEAN_BY_POSITION):
        of = mean_over_prompts(detection, mode == MEAN_BY_POSITION)
        return described(mode, scope, bias, mean_of=of)
    if mode == RESAMPLE:
        return described(mode, scope, bias, donors=pairing(test))
    return described(mode, scope, bias)


def _prompts_sha256(prompts: Prompts) -> str:
    return ids_sha256(token for prompt in prompts for token in prompt)
