"""The engine on an accelerator: first whether it is exact there, then how fast at a paper's shapes.

No weights are needed. Tiny random models in fp32 must answer as ``generate`` does under zero,
uniform and BOS ablation, in batches that had to be halved, too. Then
Llama-3-8B's shapes in bfloat16, weights random: seconds for each answer, prompt tokens a second and
the most memory, beside ``generate`` under pre-hooks. A step that would not end in time is left out,
and said to be.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from ablation.engine import REFERENCE, EngineChoice
from ablation.engine.engines import engine_of
from ablation.engine.head_sets import HeadSet
from ablation.heads import Head
from ablation.models.checks.check import check_heads
from ablation.models.loading import LoadedModel
from ablation.models.placement import Places, dispatched
from ablation.modes import Scope
from ablation.modes.protocol import Ablation
from ablation.modes.redirected import BosAblation, UniformAllAblation, UniformCausalAblation
from ablation.modes.zero import ZeroAblation
from ablation.passes.room import Room
from experiments.bench import answers, detection
from experiments.bench.benchmark import AGREEMENT, OURS, SCORES, Part
from experiments.bench.random_models import (
    TINY,
    llama_3_8b,
    random_model,
    random_prompts,
    random_question,
)
from experiments.bench.timing import interleaved

MODES: Sequence[Callable[..., Ablation]] = (
    ZeroAblation,
    UniformCausalAblation,
    UniformAllAblation,
    BosAblation,
)


@dataclass(frozen=True)
class GpuSize:
    """How much is measured.

    Attributes:
        config: gives the configuration of the large model.
        dtype: of its weights.
        lengths: of its prompts, in tokens.
        prompts: how many.
        levels: numbers of heads ablated together, each level within the next.
        rounds: how often each way runs, after one that is not counted.
        seconds: after which no further length is begun.
    """

    config: Callable[[], Any] = llama_3_8b
    dtype: str = "bfloat16"
    lengths: tuple[int, ...] = (2048, 8192)
    prompts: int = 4
    levels: tuple[int, ...] = (0, 10, 20, 50)
    rounds: int = 2
    seconds: float = 300.0


QUICK_GPU = GpuSize(
    config=TINY["grouped queries"], lengths=(128,), prompts=2, levels=(0, 2), rounds=1
)


def gpu_benchmark(device: str, size: GpuSize = GpuSize()) -> Iterator[Part]:
    """Runs the parts one after the other on ``device``."""
    started = time.perf_counter()
    yield _exactness(device)
    yield _halving(device)
    yield _several(device)
    large = random_model(size.config(), device, size.dtype)
    for length in size.lengths:
        if time.perf_counter() - started > size.seconds:
            yield Part(f"{length} tokens", {}, False, ["not run: no time was left"])
            continue
        yield _detection(large, length, size)
        yield _answers(large, length, size)


def _exactness(device: str) -> Part:
    """Answers and perplexities in fp32, ours beside the reference on the same device."""
    different, compared = 0, 0
    furthest, scores = [0.0], [0.0]
    heads: list[HeadSet] = [(), (Head(0, 1), Head(1, 0)), (Head(1, 2), Head(2, 3))]
    for config in TINY.values():
        ours = random_model(config(), device)
        prompts = random_prompts(ours.model, 40, 6)
        text = torch.tensor(prompts[0], device=device)
        reference = replace(ours, engine=engine_of(EngineChoice(REFERENCE)))
        for mode in MODES:
            for scope in Scope:
                ablation = mode(scope=scope)
                pairs = zip(
                    answers.by_engine(ours, prompts, heads, ablation=ablation),
                    answers.by_engine(reference, prompts, heads, ablation=ablation),
                    strict=True,
                )
                answered = [one == other for one, other in pairs]
                different += answered.count(False)
                compared += len(answered)
            nll, expected = (_nll(one, text, heads, mode()) for one in (ours, reference))
            furthest += [abs(nll[of] - expected[of]) for of in expected]
        eager = random_model(config(), device, attention="eager")
        prompt = random_question(ours.model, 120)
        scored, whole = detection.by_rows(ours, [prompt]), detection.by_eager(eager, prompt)
        scores.append(float((scored - whole).abs().max() / whole.abs().max()))
    return Part(
        f"exactness in fp32: {len(TINY)} tiny random models, {len(MODES)} modes, every scope",
        {},
        True,
        [
            f"NLL differ by at most {max(furthest):.1e} nats",
            f"scores of detection differ from eager ones by at most {max(scores):.1e}",
        ],
        f"{different} of {compared} answers differ",
        different == 0 and max(furthest) <= AGREEMENT and max(scores) <= SCORES,
    )


def _several(device: str) -> Part:
    """Layers on the accelerator and in the CPU's memory, as of ``--device auto``."""
    title = "several devices: layers on the accelerator, and in the CPU's memory"
    if torch.device(device).type != "cuda":
        return Part(title, {}, False, ["not run: only CUDA shares a model with the CPU"])
    number = torch.device(device).index or 0
    found: list[bool] = []
    for config in TINY.values():
        loaded = random_model(config(), "cpu")
        weights = sum(parameter.nbytes for parameter in loaded.model.parameters())
        places: Places = {number: int(0.7 * weights), "cpu": 10 * weights}
        ours = replace(loaded, model=dispatched(loaded.model, places))
        check_heads(ours.model)
        reference = replace(ours, engine=engine_of(EngineChoice(REFERENCE)))
        prompts, heads = random_prompts(ours.model, 40, 6), [(), (Head(0, 1), Head(2, 3))]
        pairs = zip(
            answers.by_engine(ours, prompts, heads),
            answers.by_engine(reference, prompts, heads),
            strict=True,
        )
        found += [one == other for one, other in pairs]
    different = found.count(False)
    disagreement = f"{different} of {len(found)} answers differ"
    return Part(title, {}, True, [], disagreement, different == 0)


def _nll(
    loaded: LoadedModel, text: torch.Tensor, head_sets: Sequence[HeadSet], ablation: Ablation
) -> dict[tuple[int, ...], float]:
    measured = loaded.engine.perplexities(loaded.model, text, head_sets, ablation, window=32)
    return {one.members: one.measure().nll for one in measured}


def _halving(device: str) -> Part:
    """A batch that does not fit: whether the halves answer as prompts of their own do."""
    title = "halving: a batch that does not fit into the device's memory"
    if torch.device(device).type != "cuda":
        return Part(title, {}, False, ["not run: only CUDA's memory can be made scarce"])
    loaded = random_model(TINY["grouped queries"](), device)
    prompts, heads = random_prompts(loaded.model, 440, 256), [(Head(1, 2),)]
    expected = answers.by_engine(loaded, prompts, heads)
    torch.cuda.empty_cache()
    total = torch.cuda.get_device_properties(device).total_memory
    scarce = torch.cuda.memory_allocated(device) + (96 << 20)
    torch.cuda.set_per_process_memory_fraction(scarce / total, device)
    failures = torch.cuda.memory_stats(device).get("num_ooms", 0)
    try:
        found = answers.by_engine(loaded, prompts, heads, Room(tokens=1 << 40, rows=256))
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0, device)
    halved = torch.cuda.memory_stats(device).get("num_ooms", 0) - failures
    different = sum(one != other for one, other in zip(found, expected, strict=True))
    return Part(
        title,
        {},
        True,
        [f"halved {halved} times"],
        f"{different} of {len(found)} answers differ",
        different == 0 and halved > 0,
    )


def _detection(large: LoadedModel, length: int, size: GpuSize) -> Part:
    """One prompt; whole attention matrices are not formed, they would not fit."""
    prompt = random_question(large.model, length)
    ways = {OURS: lambda: detection.by_rows(large, [prompt])}
    ways[OURS]()
    eager = detection.eager_bytes(large, length)
    return Part(
        f"detection: one prompt of {length} tokens, random {large.model.config.model_type} in "
        f"{size.dtype}",
        interleaved(ways, size.rounds, large.model.device),
        False,
        [f"eager output_attentions would hold matrices of {eager / 1e9:.1f} GB"],
    )


def _answers(large: LoadedModel, length: int, size: GpuSize) -> Part:
    """Every level of a cell at once, beside ``generate`` for one after the other."""
    chance = torch.Generator().manual_seed(0)
    everything = list(large.grid)
    order = [everything[place] for place in torch.randperm(len(everything), generator=chance)]
    sets: list[HeadSet] = [tuple(order[:level]) for level in size.levels]
    # An answer is a few tokens longer than its prompt, and may not leave the context.
    tokens = min(length, large.longest_prompt)
    prompts = random_prompts(large.model, tokens, size.prompts)
    ways = {
        OURS: lambda: answers.by_engine(large, prompts, sets),
        "generate under pre-hooks": lambda: answers.by_generate(large, prompts, sets),
    }
    for run in ways.values():
        run()  # kernels are chosen and memory is taken once
    timings = interleaved(ways, size.rounds, large.model.device)
    ours, theirs = (timing.value for timing in timings.values())
    count = len(ours)
    different = sum(one != other for one, other in zip(ours, theirs, strict=True))
    notes = [f"{different} of {count} answers differ, as {size.dtype} rounds"]
    for name, timing in timings.items():
        each = timing.median / count
        notes.append(f"{name}: {each:.3f} s an answer, {tokens / each:,.0f} prompt tokens a second")
    return Part(
        f"answers: {len(sets)} conditions, {len(prompts)} prompts of {tokens} tokens, random "
        f"{large.model.config.model_type} in {size.dtype}",
        timings,
        True,
        notes,
        figures={"answers": count, "answers_that_differ": different},
    )
