"""The parts of the benchmark, each a document: what was compared, how long it took, what agrees."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Any

import torch

from ablation.assets.text import SourceText, tokenise
from ablation.detection.controls import LAYER_MATCHED, ControlDraw
from ablation.detection.methods import rank_heads
from ablation.engine import REFERENCE, EngineChoice
from ablation.engine.head_sets import HeadSet
from ablation.engine.linear import OneDnnLinear, multiplies
from ablation.filings.synthetic import synthetic_filings
from ablation.heads import Head
from ablation.models.loading import LoadedModel, load_model
from ablation.models.model import Model, open_model
from ablation.models.registry import ModelSpec
from ablation.passes.room import ONE_BY_ONE
from ablation.passes.token_tree import TokenTree
from experiments.bench import PARTS, answers, detection, limit, startup, sweeps
from experiments.bench.timing import Timing, interleaved
from experiments.cells.cell import build_cell
from experiments.cells.plan import AblationPlan, conditions
from experiments.claims import LEVELS

OURS = "headclaims"
NARROW = "headclaims, bfloat16"
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
        prompts: of the cell, tested and detected on.
        levels: of the cell, as numbers of heads.
        shared: of the prompts whose beginnings are shared, in tokens.
        lengths: of the prompts of detection, in tokens.
    """

    rounds: int = 3
    text_tokens: int = 1024
    layers: int = 6
    heads: int = 2
    prompts: int = 16
    levels: tuple[int, ...] = LEVELS
    shared: tuple[int, ...] = (512, 2048)
    lengths: tuple[int, ...] = (512, 2048, 8192)


QUICK = Size(rounds=1, text_tokens=256, layers=3, heads=1, prompts=2, shared=(512,), lengths=(512,))


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


def benchmark(
    spec: ModelSpec, text: SourceText, size: Size, parts: Collection[str] = PARTS
) -> Iterator[Part]:
    """Runs some of ``PARTS``; the sweep is of the beginning of ``text``.

    Raises:
        InvalidInput, Unavailable, AssetError: as ``load_model``.
    """
    ours = open_model(spec)
    plain = cache(partial(load_model, spec, engine=EngineChoice(REFERENCE)))
    shared, lengths = (
        [tokens for tokens in some if tokens <= ours.longest_prompt]
        for some in (size.shared, size.lengths)
    )
    runs: dict[str, list[Callable[[], Part]]] = {
        "start": [lambda: _startup(spec, size)],
        "sweep": [lambda: _sweep(ours.loaded, plain(), text, size)],
        "answers": [lambda: _answers(ours, plain(), size)],
        "controls": [lambda: _control_by_item(ours, size)],
        "cell": [lambda: _cell_detection(ours, size)],
        "sharing": [partial(_sharing, ours, tokens, size) for tokens in shared],
        "detection": [partial(_detection, ours, tokens, size) for tokens in lengths],
    }
    for name in PARTS:
        for run in runs[name] if name in parts else ():
            yield run()


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
        **_by_kernels(fast, plain, lambda loaded: sweeps.by_engine(loaded, ids, heads)),
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
    cell = build_cell(model, synthetic_filings(80), "inc_year", tokens)
    prompts_of_detection = [prompt for _, prompt in cell.detection[:2]]
    ranking = rank_heads(fast.model, fast.tokenizer, prompts_of_detection).ranking
    sets = [condition.heads for condition in conditions(AblationPlan(size.levels), ranking)]
    prompts = [prompt.ids for _, prompt in cell.test[: size.prompts]]
    ways: dict[str, Callable[[], list[str]]] = {
        **_by_kernels(fast, plain, lambda loaded: answers.by_engine(loaded, prompts, sets)),
        "generate under pre-hooks": lambda: answers.by_generate(plain, prompts, sets),
    }
    if multiplies("bfloat16"):
        narrow = load_model(fast.spec, dtype="bfloat16")
        ways[NARROW] = lambda: answers.by_engine(narrow, prompts, sets)
    timings = interleaved(ways, size.rounds)
    same = [timing.value for name, timing in timings.items() if name != NARROW]
    different = sum(len(set(found)) > 1 for found in zip(*same, strict=True))
    notes = []
    if NARROW in timings:
        pairs = zip(timings[OURS].value, timings[NARROW].value, strict=True)
        apart = sum(one != two for one, two in pairs)
        notes.append(f"bfloat16 gives {apart} of {len(same[0])} answers otherwise")
    return Part(
        f"answers: {len(sets)} conditions of a QRHead cell, {len(prompts)} prompts of {tokens} "
        "tokens",
        timings,
        True,
        notes,
        f"{different} of {len(same[0])} answers differ",
        different == 0,
    )


def _control_by_item(model: Model, size: Size) -> Part:
    """What it costs that every item has random heads of its own, as the default run's control."""
    fast, tokens = model.loaded, model.spec.token_lengths[0]
    cell = build_cell(model, synthetic_filings(80), "inc_year", tokens)
    ranking = rank_heads(fast.model, fast.tokenizer, [cell.detection[0][1]]).ranking
    prompts = [prompt.ids for _, prompt in cell.test[: size.prompts]]

    def wanted(by_item: bool) -> dict[HeadSet, list[int]]:
        draw, found = ControlDraw(LAYER_MATCHED, by_item=by_item), defaultdict(list)
        for place in range(len(prompts)):
            for level in size.levels:
                top = ranking.top(level)
                found[draw.heads(fast.grid, top, top, str(place))].append(place)
        return dict(found)

    timings = interleaved(
        {
            "each prompt has its own random heads": lambda: answers.where_wanted(
                fast, prompts, wanted(by_item=True)
            ),
            "all prompts have the same": lambda: answers.where_wanted(
                fast, prompts, wanted(by_item=False)
            ),
        },
        size.rounds,
    )
    return Part(
        f"controls: random heads at {len(size.levels)} levels, {len(prompts)} prompts of {tokens} "
        "tokens",
        timings,
    )


def _by_kernels(
    fast: LoadedModel, plain: LoadedModel, run: Callable[[LoadedModel], Any]
) -> dict[str, Callable[[], Any]]:
    """Ours, and where oneDNN multiplies for it, ours with torch's own kernels as well."""
    ways = {OURS: lambda: run(fast)}
    if any(isinstance(module, OneDnnLinear) for module in fast.model.modules()):
        ways[f"{OURS}, torch's own kernels"] = lambda: run(replace(plain, engine=fast.engine))
    return ways


def _cell_detection(model: Model, size: Size) -> Part:
    fast, tokens = model.loaded, model.spec.token_lengths[0]
    cell = build_cell(model, synthetic_filings(80), "inc_year", tokens)
    prompts = [prompt for _, prompt in cell.detection[: 4 * size.prompts]]
    timings = interleaved(
        {
            OURS: lambda: detection.by_rows(fast, prompts),
            "each prompt alone": lambda: detection.one_by_one(fast, prompts),
        },
        size.rounds,
    )
    title = f"detection of a cell: {len(prompts)} prompts of {tokens} tokens"
    return Part(title, timings, True, (), *_apart(timings))


def _sharing(model: Model, tokens: int, size: Size) -> Part:
    fast, cell = model.loaded, build_cell(model, synthetic_filings(80), "inc_year", tokens)
    prompts = [prompt.ids for _, prompt in cell.test[: size.prompts]]
    packed = len(TokenTree(prompts)) / sum(map(len, prompts))
    sets = [tuple(Head(layer, 0) for layer in range(fast.grid.layers))]
    timings = interleaved(
        {
            OURS: lambda: answers.by_engine(fast, prompts, sets),
            "each prompt alone": lambda: answers.by_engine(fast, prompts, sets, ONE_BY_ONE),
        },
        size.rounds,
    )
    ours, alone = (timing.value for timing in timings.values())
    different = sum(a != b for a, b in zip(ours, alone, strict=True))
    return Part(
        f"what prompts begin with: answers under one set of heads to {len(prompts)} prompts of "
        f"{tokens} tokens",
        timings,
        True,
        [f"{packed:.0%} of the tokens are left where what prompts begin with is counted once"],
        f"{different} of {len(ours)} answers differ",
        different == 0,
    )


def _detection(model: Model, tokens: int, size: Size) -> Part:
    eager = load_model(model.spec, engine=EngineChoice(REFERENCE))
    eager.model.set_attn_implementation("eager")
    fast, cell = model.loaded, build_cell(model, synthetic_filings(20), "inc_year", tokens)
    prompt = cell.detection[0][1]
    ways: dict[str, Callable[[], torch.Tensor]] = {OURS: lambda: detection.by_rows(fast, [prompt])}
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
    return Part(f"detection: one prompt of {tokens} tokens", timings, True, notes, *_apart(timings))


def _apart(timings: Mapping[str, Timing]) -> tuple[str | None, bool]:
    """How far scores lie apart, in words; and whether that is within what other sums explain."""
    scores = [timing.value for timing in timings.values()]
    largest = float(scores[0].abs().max())
    furthest = float((scores[-1] - scores[0]).abs().max()) / largest
    said = f"scores differ by {furthest:.1e} of the largest" if len(scores) > 1 else None
    return said, furthest <= SCORES
