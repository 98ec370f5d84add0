"""Answers in tests: every mode, the fast engine's answers, and what ``generate`` gives instead."""

from dataclasses import replace

import torch
from transformers import GenerationConfig

from ablation.ablator import AblationNotApplied, HeadAblator
from ablation.engine.drafted import greedy_tokens
from ablation.heads import Head
from ablation.modes import BiasPolicy, Scope
from ablation.modes.mean import mean_ablation
from ablation.modes.redirected import BosAblation, UniformAllAblation, UniformCausalAblation
from ablation.modes.resample import resample_ablation
from ablation.modes.zero import ZeroAblation
from ablation.passes.prompt_means import mean_ablation_of_prompts
from ablation.tests.support.tiny_models import LAYERS, random_ids

HEADS = [Head(layer, head) for layer in range(LAYERS) for head in range(4)]
END = 2

LONGEST = 5
"""Tokens of an answer: several are drafted, verified at once, and replaced. More would take time:
the product of families, modes and scopes takes most of that of the tests."""


MODES = {
    "zero": lambda model, prompts: ZeroAblation(),
    "zero-keep-bias": lambda model, prompts: ZeroAblation(bias=BiasPolicy.KEEP),
    "mean": lambda model, prompts: mean_ablation(model, random_ids(60)[0], window=20),
    # Means differ at the positions of the answer, too.
    "mean-by-position": lambda model, prompts: mean_ablation_of_prompts(
        model, random_ids(prompts.shape[1] + LONGEST, 3, seed=7).tolist(), by_position=True
    ),
    "resample": lambda model, prompts: resample_ablation(
        [*prompts.tolist(), random_ids(prompts.shape[1], 1, seed=999)[0].tolist()]
    ),
    "uniform-causal": lambda model, prompts: UniformCausalAblation(),
    "uniform-all": lambda model, prompts: UniformAllAblation(),
    "bos": lambda model, prompts: BosAblation(),
}


def ablation_of(mode, scope, model, prompts):
    return replace(MODES[mode](model, prompts), scope=scope)


def generated(model, prompts, heads, ablation, longest=LONGEST):
    """What transformers gives under the ablator, row by row, up to the end of each answer."""
    config = GenerationConfig(
        max_new_tokens=longest, do_sample=False, eos_token_id=END, pad_token_id=0
    )
    try:
        with HeadAblator(model, heads, ablation.for_prompts(model, prompts)):
            out = model.generate(
                input_ids=prompts, attention_mask=torch.ones_like(prompts), generation_config=config
            )
    except AblationNotApplied:
        # Every row ended with its first token: nothing was decoded.
        assert ablation.scope is Scope.DECODE
        assert out.shape[1] == prompts.shape[1] + 1
    return [cut(row) for row in out[:, prompts.shape[1] :].tolist()]


def cut(tokens):
    end = tokens.index(END) + 1 if END in tokens else len(tokens)
    return tuple(tokens[:end])


def answered(model, prompts, head_sets, ablation, **options):
    found: dict = {}
    options = {"max_new_tokens": LONGEST, **options}
    for places, answers in greedy_tokens(model, prompts, head_sets, ablation, **options):
        found |= {place: [answer.tokens for answer in answers] for place in places}
    return [found[place] for place in range(len(head_sets))]


def expected(model, prompts, head_sets, ablation):
    return [generated(model, prompts, heads, ablation) for heads in head_sets]
