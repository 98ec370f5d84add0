"""What a grid takes, as tasks: each asks a store for all that its study needs of a few cells."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import product
from pathlib import Path

from ablation.detection.controls import levels_with_controls
from ablation.errors import InvalidInput
from ablation.filings.filing import FilingSet
from ablation.models.model import Model
from ablation.models.registry import ModelSpec
from ablation.modes import ZERO
from ablation.modes.refused import refused
from experiments.cells.cell import Cell, build_cell
from experiments.cells.choices import AblationChoice
from experiments.cells.plan import AblationPlan, check_plan
from experiments.cells.runner import CellRunner, ResultsFolder
from experiments.claims import LEVELS
from experiments.claims.exp10_study import CHEAP, CHEAP_SHARE
from experiments.cluster.grid.grid import Exp10Grid, Grid, MethodsGrid, QRHeadGrid
from experiments.exp10.measured.cumulative import (
    REMOVALS,
    THRESHOLDS,
    Removal,
    find_crossings,
    joint_document,
    measure_curve,
)
from experiments.exp10.measured.evaluations import Evaluations
from experiments.exp10.measured.individual import sweep
from experiments.exp10.measured.noise import perplexity_noise
from experiments.exp10.measured.penetration import UndefinedPenetration, penetration
from experiments.exp10.measured.setting import Setting, build_setting, source_text
from experiments.exp10.options import BIAS_POLICIES, Exp10Options
from experiments.methods import measured
from experiments.methods.retrieval.evidence import SELECTED
from experiments.methods.zeroed_attention import norms, why_not
from experiments.qrhead.contribution import contributions
from experiments.store import Store


@dataclass(frozen=True)
class Task:
    """Something to be asked of a store.

    Attributes:
        name: what it is, for people.
        model: key of the model that it is about.
        size: of its prompts, in tokens: the longest take longest.
        ask: asks; it can be asked again, and keeps nothing between.
    """

    name: str
    model: str
    size: int
    ask: Callable[[Store], object]


@dataclass(frozen=True)
class Inputs:
    """What tasks are made of, beside a grid.

    Attributes:
        spec: name of a model -> what is known of it.
        open: opens it.
        filings: what is asked about.
        out: the folder that files are exported to.
    """

    spec: Callable[[str], ModelSpec]
    open: Callable[[ModelSpec], Model]
    filings: FilingSet
    out: Path


@dataclass(frozen=True)
class _Cells:
    """Cells of one model, built when they are first asked about."""

    model: Model
    filings: FilingSet
    asked: Sequence[tuple[str, int]]

    @cached_property
    def built(self) -> list[Cell]:
        return [
            build_cell(self.model, self.filings, question, tokens)
            for question, tokens in self.asked
        ]


def tasks(grid: Grid, inputs: Inputs) -> list[Task]:
    """All tasks of a grid: model by model, long prompts first.

    Raises:
        InvalidInput: a model that is none, a length beyond its context, levels beyond its heads, a
            mode that its family does not allow, or a text that cannot be read: before anything
            runs.
        Unavailable, AssetError: a model or text cannot be had.
    """
    opened = {
        name: inputs.open(inputs.spec(name))
        for study in (grid.qrhead, grid.methods, grid.exp10)
        if study is not None
        for name in study.models
    }
    found: list[Task] = []
    for name, model in opened.items():
        of_model = [
            *(_qrhead(grid.qrhead, model, inputs) if _asks(grid.qrhead, name) else ()),
            *(_methods(grid.methods, model, inputs) if _asks(grid.methods, name) else ()),
            *(_exp10(grid.exp10, model) if _asks(grid.exp10, name) else ()),
        ]
        found += sorted(of_model, key=lambda task: -task.size)
    return found


def _asks(study: QRHeadGrid | MethodsGrid | Exp10Grid | None, name: str) -> bool:
    return study is not None and name in study.models


def _lengths(given: Sequence[int], model: Model) -> Sequence[int]:
    lengths = given or model.spec.token_lengths
    for tokens in lengths:
        if tokens > model.longest_prompt:
            raise InvalidInput(
                f"{tokens} tokens exceed the context of model {model.spec.key}, which holds "
                f"prompts of at most {model.longest_prompt}: use a smaller token length"
            )
    return lengths


def _refuse_modes(modes: Sequence[str], model: Model) -> None:
    """Before anything runs, as levels beyond a model's heads."""
    for mode in modes:
        if reason := refused(model.family, mode):
            raise InvalidInput(
                f"model {model.spec.key} does not allow mode {reason}: leave the mode out, or the "
                "model"
            )


def _qrhead(grid: QRHeadGrid | None, model: Model, inputs: Inputs) -> Iterator[Task]:
    assert grid is not None
    _refuse_modes(grid.modes, model)
    plans = [
        AblationPlan(
            grid.levels, control_draws=grid.draws, method=method, ablation=AblationChoice(*how)
        )
        for method, *how in product(grid.methods, grid.modes, grid.scopes)
    ]
    try:
        check_plan(plans[0], model.grid)
    except InvalidInput as error:
        raise InvalidInput(f"model {model.spec.key}: {error}") from None
    pairs = list(product(grid.questions, _lengths(grid.tokens, model)))
    for question, tokens in pairs:
        first = (question, tokens) == pairs[0]
        cells = _Cells(model, inputs.filings, [(question, tokens)])
        for plan in plans:
            how = f", {plan.method}{plan.ablation.tag}" if len(plans) > 1 else ""
            name = f"{model.spec.key}, {question}, {tokens} tokens{how}"
            ask = partial(_share, cells, plan, inputs.out, noise=first and plan is plans[0])
            yield Task(name, model.spec.key, tokens, ask)
        if first:
            ask = partial(_contributions, cells)
            yield Task(f"{model.spec.key}, contributions of heads", model.spec.key, tokens, ask)


def _share(cells: _Cells, plan: AblationPlan, out: Path, store: Store, *, noise: bool) -> None:
    CellRunner(store, ResultsFolder(out), plan).share(cells.built, noise=noise)


def _contributions(cells: _Cells, store: Store) -> None:
    contributions(cells.built[0], store)


def _methods(grid: MethodsGrid | None, model: Model, inputs: Inputs) -> Iterator[Task]:
    assert grid is not None
    levels = levels_with_controls(grid.levels, model.grid)
    if not levels:
        raise InvalidInput(
            f"model {model.spec.key} has too few heads, {len(model.grid)}, for [methods] levels "
            f"{list(grid.levels)}: give lower ones"
        )
    for tokens in _lengths(grid.tokens, model):
        cells = _Cells(model, inputs.filings, [(question, tokens) for question in grid.questions])
        needs = _Methods(cells, levels, grid.draws, inputs.out)
        for name, ask, heads in (
            ("three methods", needs.compared, levels[0]),
            ("retrieval", needs.retrieved, SELECTED),
            ("every mode and scope", needs.in_modes, LEVELS[-1]),
            ("QRHead's public rows", needs.by_chat_rows, levels[0]),
            ("zeroed attention", needs.zeroed, levels[0]),
        ):
            if levels_with_controls([heads], model.grid):  # else its claims are blocked
                name = f"{model.spec.key}, {name}, {tokens} tokens"
                yield Task(name, model.spec.key, tokens, ask)


@dataclass(frozen=True)
class _Methods:
    """What ``pytest -k methods`` asks about cells of one length."""

    cells: _Cells
    levels: tuple[int, ...]
    draws: int
    out: Path

    def _runner(self, store: Store) -> CellRunner:
        return CellRunner(store, ResultsFolder(self.out), AblationPlan(self.levels))

    def compared(self, store: Store) -> None:
        ranked = measured.ranked_by_three(self.cells.built, store)
        level = measured.common_level(ranked, self.levels)
        measured.three_compared(self.cells.built, ranked, level, store, draws=self.draws)

    def retrieved(self, store: Store) -> None:
        measured.retrieved(self.cells.built, self._runner(store))

    def in_modes(self, store: Store) -> None:
        measured.in_every_mode(self.cells.built, self._runner(store), draws=self.draws)

    def by_chat_rows(self, store: Store) -> None:
        if any(prompt.closing for cell in self.cells.built for _, prompt in cell.test):
            runner = measured.by_chat_rows(self.levels, store, ResultsFolder(self.out))
            runner.share(self.cells.built, noise=False)

    def zeroed(self, store: Store) -> None:
        if why_not(self.cells.built[0].model) is None:
            norms(self.cells.built[0], store)


def _exp10(grid: Exp10Grid | None, model: Model) -> Iterator[Task]:
    assert grid is not None
    _refuse_modes(grid.modes, model)
    if grid.bias != BIAS_POLICIES[:1] and ZERO not in grid.modes:
        raise InvalidInput("[exp10] bias goes with mode zero, which is not in its modes")
    hows = [
        (mode, bias)
        for mode in grid.modes
        for bias in (grid.bias if mode == ZERO else BIAS_POLICIES[:1])
    ]
    for text, (mode, bias) in product(grid.texts or (None,), hows):
        options = Exp10Options(text=text, mode=mode, bias=bias)
        setting = build_setting(model, source_text(model.spec, options), options)
        of_bias = f", bias {bias}" if bias != BIAS_POLICIES[0] else ""
        named = f"{model.spec.key}, {mode}{of_bias} on {setting.text.name}"
        evaluated, size = partial(_evaluated, setting), setting.window
        yield Task(f"{named}, every head alone", model.spec.key, size, partial(evaluated, sweep))
        if (mode, bias) != hows[0]:
            continue
        for removal, threshold in product(REMOVALS, THRESHOLDS):
            ask = partial(evaluated, partial(_crossings, removal, threshold))
            yield Task(f"{named}, heads together", model.spec.key, size, ask)
        ask = partial(evaluated, _together)
        yield Task(f"{named}, some heads together", model.spec.key, size, ask)
    yield Task(f"{model.spec.key}, penetration", model.spec.key, 0, partial(_penetration, model))


def _evaluated(setting: Setting, ask: Callable[[Evaluations], object], store: Store) -> None:
    ask(Evaluations(setting, store))


def _crossings(removal: Removal, threshold: float, evaluations: Evaluations) -> None:
    curve = measure_curve(evaluations, sweep(evaluations), removal)
    find_crossings(evaluations, curve, threshold)


def _together(evaluations: Evaluations) -> None:
    """What claims B4 to B6 are about, and the noise."""
    swept = sweep(evaluations)
    order = swept.by_magnitude()
    evaluations.all([order[: round(CHEAP_SHARE * len(order))], swept.within(CHEAP)])
    joint_document(evaluations, swept)
    perplexity_noise(evaluations)


def _penetration(model: Model, store: Store) -> None:
    with suppress(UndefinedPenetration):  # said where it is judged
        penetration(model, store)
