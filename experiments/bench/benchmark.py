"""The parts of the benchmark, each a document: what was compared, how long it took, what agrees."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch

from ablation.assets.text import SourceText, tokenise
from ablation.detection.methods import rank_heads
from ablation.engine import REFERENCE, EngineChoice
from ablation.filings.synthetic import synthetic_filings
from ablation.models.loading import LoadedModel, load_model
from ablation.models.model import Model, open_model
from ablation.models.registry import ModelSpec
from experiments.bench import answers, detection, limit, startup, sweeps
from experiments.bench.timing import Timing, interleaved
from experiments.cells.cell import build_cell
from experiments.cells.plan import AblationPlan, conditions
from experiments.claims import LEVELS

OURS = "headclaims"
AGREEMENT = 1e-5
"""Relative difference of perplexities; NLL are compared as absolute differences, which is that."""

SCORES = 1e-4
"""Relative to the largest score: eager attention sums in another order than sdpa."""


@dataclass(frozen=True)
class Size:
    """How much is measured.

    Attributes:
        rounds: how often each way runs.
        text_tokens: of the sweep's one window.
        layers, heads: sampled in the sweep.
        prompts: of the cell.
        levels: of the cell, as numbers of heads.
        lengths: of the prompts of detection, in tokens.
    """

    rounds: int = 3
    text_tokens: int = 1024
    layers: int = 6
    heads: int = 2
    prompts: int = 2
    levels: tuple[int, ...] = LEVELS
    lengths: tuple[int, ...] = (512, 2048, 8192)


QUICK = Size(rounds=1, text_tokens=256, layers=3, heads=1, prompts=1, lengths=(512,))


@dataclass(frozen=True)
class Part:
    """One comparison.

    Attributes:
        title: what is compared, in one line.
        ways: name -> what it took, ours first.
        compared: whether the ways lead to the same values.
        notes: what else is to be said: limits, ways that could not run.
        disagreement: how far the values lie apart, in words; None if nothing is compared.
        agrees: whether that is within what other kernels explain.
        figures: further numbers, for the JSON document.
    """

    title: str
    ways: Mapping[str, Timing]
    compared: bool = True
    notes: Sequence[str] = ()
    disagreement: str | None = None
    agrees: bool = True
    figures: Mapping[str, Any] | None = None

    def ratio(self, name: str) -> float | None:
        """How many times as long as ours a way took, by medians; None if that says nothing."""
        if not self.compared:
            return None
        return self.ways[name].median / next(iter(self.ways.values())).median

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "title": self.title,
            "ways": {
                name: {**timing.document(), "ratio": self.ratio(name)}
                for name, timing in self.ways.items()
            },
            "notes": list(self.notes),
            "disagreement": self.disagreement,
            "agrees": self.agrees,
            **(self.figures or {}),
        }


def benchmark(spec: ModelSpec, text: SourceText, size: Size) -> Iterator[Part]:
    """Runs the parts one after the other; the sweep is of the beginning of ``text``.

    Raises:
        InvalidInput, Unavailable, AssetError: as ``load_model``.
    """
    yield _startup(spec, size)
    ours, plain = open_model(spec), load_model(spec, engine=EngineChoice(REFERENCE))
    yield _sweep(ours.loaded, plain, text, size)
    yield _answers(ours, plain, size)
    eager = load_model(spec, engine=EngineChoice(REFERENCE))
    eager.model.set_attn_implementation("eager")
    for tokens in size.lengths:
        if tokens <= ours.longest_prompt:
            yield _detection(ours, eager, tokens, size)


def _startup(spec: ModelSpec, size: Size) -> Part:
    load_model(spec)  # fetched and in the file cache
    ways: dict[str, Callable[[], Any]] = {
        name: partial(startup.run, code) for name, code in startup.COMMANDS.items()
    }
    ways["load the model"] = lambda: load_model(spec) and None
    return Part("start: before anything is computed", interleaved(ways, size.rounds), False)


def _sweep(fast: LoadedModel, plain: LoadedModel, text: SourceText, size: Size) -> Part:
    ids = tokenise(text, fast.tokenizer, size.text_tokens).ids
    heads = sweeps.sampled_heads(fast.grid, size.layers, size.heads)
    ways: dict[str, Callable[[], list[float]]] = {
        OURS: lambda: sweeps.by_engine(fast, ids, heads),
        "loop of pre-hooks": lambda: sweeps.by_pre_hooks(plain, ids, heads),
    }
    notes = []
    try:
        loop = sweeps.bridge_loop(load_model(fast.spec, engine=EngineChoice(REFERENCE)))
        ways["TransformerBridge loop"] = lambda: loop(ids, heads)
    except Exception as error:  # whatever another library raises over a model it does not know
        notes.append(f"TransformerBridge loop: not run ({type(error).__name__}: {error})")
    timings = interleaved(ways, size.rounds)
    least = limit.limit_of(fast, heads, ids.numel())
    ours = timings[OURS].median
    notes.append(
        f"limit: {least.flops / 1e9:.0f} GFLOP at {least.rate / 1e9:.0f} GFLOP/s take "
        f"{least.seconds:.2f} s, {least.seconds / ours:.0%} of ours"
    )
    furthest = max(
        abs(a - b)
        for timing in timings.values()
        for a, b in zip(timing.value, timings[OURS].value, strict=True)
    )
    return Part(
        f"sweep: {len(heads)} of {len(fast.grid)} heads alone, perplexity of {ids.numel()} tokens",
        timings,
        True,
        notes,
        f"largest relative difference of perplexities {furthest:.1e}",
        furthest <= AGREEMENT,
        {
            "limit": {
                "flops": least.flops,
                "flops_per_second": least.rate,
                "seconds": least.seconds,
                "share_of_ours": least.seconds / ours,
            }
        },
    )


def _answers(model: Model, plain: LoadedModel, size: Size) -> Part:
    fast, tokens = model.loaded, model.spec.token_lengths[0]
    cell = build_cell(model, synthetic_filings(20), "inc_year", tokens)
    prompts_of_detection = [prompt for _, prompt in cell.detection[:2]]
    ranking = rank_heads(fast.model, fast.tokenizer, prompts_of_detection).ranking
    sets = [condition.heads for condition in conditions(AblationPlan(size.levels), ranking)]
    prompts = [prompt.ids for _, prompt in cell.test[: size.prompts]]
    timings = interleaved(
        {
            OURS: lambda: answers.by_engine(fast, prompts, sets),
            "generate under pre-hooks": lambda: answers.by_generate(plain, prompts, sets),
        },
        size.rounds,
    )
    pairs = list(zip(*(timing.value for timing in timings.values()), strict=True))
    different = sum(ours != theirs for ours, theirs in pairs)
    return Part(
        f"answers: {len(sets)} conditions of a QRHead cell, {len(prompts)} prompts of {tokens} "
        "tokens",
        timings,
        True,
        (),
        f"{different} of {len(pairs)} answers differ",
        different == 0,
    )


def _detection(model: Model, eager: LoadedModel, tokens: int, size: Size) -> Part:
    fast, cell = model.loaded, build_cell(model, synthetic_filings(20), "inc_year", tokens)
    prompt = cell.detection[0][1]
    ways: dict[str, Callable[[], torch.Tensor]] = {OURS: lambda: detection.by_rows(fast, prompt)}
    needed, free = detection.eager_bytes(eager, tokens), detection.free_bytes()
    notes = []
    if needed < free // 2:
        ways["eager output_attentions"] = lambda: detection.by_eager(eager, prompt)
    else:
        notes.append(
            f"eager output_attentions: not run, its matrices take {needed / 1e9:.0f} GB and "
            f"{free / 1e9:.0f} GB are free"
        )
    timings = interleaved(ways, size.rounds)
    scores = [timing.value for timing in timings.values()]
    largest = float(scores[0].abs().max())
    furthest = float((scores[-1] - scores[0]).abs().max()) / largest
    return Part(
        f"detection: one prompt of {tokens} tokens",
        timings,
        True,
        notes,
        f"scores differ by {furthest:.1e} of the largest" if len(scores) > 1 else None,
        furthest <= SCORES,
    )
