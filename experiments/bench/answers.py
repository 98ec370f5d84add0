"""The conditions of a QRHead cell: the engine against ``generate`` under pre-hooks."""

from collections.abc import Mapping, Sequence

import torch
from transformers import GenerationConfig

from ablation.engine.batches import answers_in_batches, answers_where_wanted
from ablation.engine.head_sets import HeadSet
from ablation.hooks.sites import head_sites
from ablation.metrics.answers import MAX_NEW_TOKENS
from ablation.metrics.devices import input_device
from ablation.models.loading import LoadedModel
from ablation.modes.protocol import Ablation
from ablation.modes.zero import ZeroAblation
from ablation.passes.room import Room
from experiments.bench.pre_hooks import zero_head

Prompts = Sequence[Sequence[int]]


def by_engine(
    loaded: LoadedModel,
    prompts: Prompts,
    head_sets: Sequence[HeadSet],
    room: Room | None = None,
    ablation: Ablation = ZeroAblation(),
) -> list[str]:
    """The answers, prompt by prompt under every set of heads, by the model's engine."""
    found: dict[tuple[int, int], str] = {}
    for items, places, answers in answers_in_batches(
        loaded.engine, loaded.model, loaded.tokenizer, prompts, head_sets, ablation, room
    ):
        for place in places:
            found |= {(item, place): one.text for item, one in zip(items, answers, strict=True)}
    return [found[item, place] for item in range(len(prompts)) for place in range(len(head_sets))]


def where_wanted(
    loaded: LoadedModel, prompts: Prompts, wanted: Mapping[HeadSet, Sequence[int]]
) -> list[str]:
    """The answers under every set of heads to the prompts it is wanted for, as a run asks them."""
    found = answers_where_wanted(
        loaded.engine, loaded.model, loaded.tokenizer, prompts, wanted, ZeroAblation()
    )
    return [answer.text for together in found for _, _, answer in together]


@torch.inference_mode()
def by_generate(loaded: LoadedModel, prompts: Prompts, head_sets: Sequence[HeadSet]) -> list[str]:
    """The same by ``model.generate``, prompt after prompt and set after set."""
    model, sites = loaded.model, head_sites(loaded.model)
    config = GenerationConfig(
        max_new_tokens=MAX_NEW_TOKENS,
        do_sample=False,
        eos_token_id=model.generation_config.eos_token_id,
        pad_token_id=model.generation_config.pad_token_id,
    )
    found = []
    for prompt in prompts:
        ids = torch.tensor([list(prompt)], device=input_device(model))
        for heads in head_sets:
            handles = [zero_head(sites, head) for head in heads]
            try:
                out = model.generate(
                    input_ids=ids, attention_mask=torch.ones_like(ids), generation_config=config
                )
            finally:
                for handle in handles:
                    handle.remove()
            found.append(loaded.tokenizer.decode(out[0, ids.shape[1] :], skip_special_tokens=True))
    return found
