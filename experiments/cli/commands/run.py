"""``headclaims run``: all cells of a grid, in this process or on the workers of a cluster."""

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from ablation.engine import ACTIVATION_MIB
from ablation.errors import InvalidInput
from ablation.models.registry import AUTO, EMBEDDED_MODEL, WIDTHS
from experiments.cli.chosen_cells import cells_of, parsed, runner_of
from experiments.cli.commands.qrhead import ablate_cells
from experiments.cli.options import (
    METHOD_OPTION,
    MODEL_HELP,
    QUESTIONS_OPTION,
    IntegerList,
    PlanSettings,
    RunSettings,
    ablation_options,
    chosen_store,
    common_options,
    human_size,
)
from experiments.cli.progress import watched_folder
from experiments.store.watch import Journal

if TYPE_CHECKING:
    from experiments.cluster.connection import Place, Workers
    from experiments.cluster.grid.grid import Grid
    from experiments.cluster.grid.tasks import Task
    from experiments.store import Store

SAID_BY_A_GRID = (
    "models", "questions", "tokens", "method", "mode", "scope", "bias", "levels", "control_draws",
    "skip_random", "seed",
)  # fmt: skip
"""Options that go without ``--grid``."""

PLAIN = ("bias", "skip_random", "seed")
"""Options that no grid has, so that they go without ``--on``, too."""

OF_WORKERS = ("gpus_per_worker", "cpus_per_worker", "verbose")
"""Options that go with ``--on`` only."""


@click.command("run")
@click.option("--model", "models", multiple=True, default=(EMBEDDED_MODEL,), help=MODEL_HELP)
@QUESTIONS_OPTION
@click.option(
    "--tokens", type=IntegerList(), help="Prompt lengths in tokens; default: all of the model's."
)
@METHOD_OPTION
@ablation_options
@click.option(
    "--grid",
    metavar="NAME",
    help="Instead of models, questions and how they are ablated: a grid that comes with headclaims "
    "(embedded, paper), or a TOML file.",
)
@click.option(
    "--on",
    metavar="WHERE",
    help="Compute on workers, through Ray: local:N for N of them on this machine, auto inside a "
    "Ray cluster, ray://HOST:PORT. Default: in this process.",
)
@click.option(
    "--gpus-per-worker", type=click.FloatRange(min=0), default=0.0, help="With --on; 0.5 for half."
)
@click.option(
    "--cpus-per-worker", type=click.IntRange(min=1), default=1, help="With --on; also its threads."
)
@click.option("--plan", is_flag=True, help="Count what would be computed, and compute nothing.")
@click.option("-v", "--verbose", is_flag=True, help="With --on: show what Ray says.")
@common_options
@click.pass_context
def run_command(
    context: click.Context,
    models: tuple[str, ...],
    questions: tuple[str, ...],
    tokens: tuple[int, ...] | None,
    figure: bool,
    grid: str | None,
    on: str | None,
    gpus_per_worker: float,
    cpus_per_worker: int,
    plan: bool,
    verbose: bool,
    **options: Any,
) -> None:
    """Run all cells of a grid: every question at every length. Finished results are kept.

    \b
    headclaims run --model smollm2 --tokens 512,1024
    headclaims run --grid embedded --on local:4      # four workers on this machine
    headclaims run --grid paper --on ray://head:10001 --gpus-per-worker 1
    headclaims run --grid paper --plan               # how much that is
    """
    how, settings = parsed(options)
    _check_given(context, grid, on, plan)
    if grid is None and on is None and not plan:
        runner = runner_of(settings, how)
        # A misspelt last model is found before the first one has run.
        for spec in [settings.spec(model) for model in models]:
            lengths = spec.token_lengths if tokens is None else tokens
            ablate_cells(runner, cells_of(settings, spec, questions, lengths), figure)
        return
    from experiments.cluster.connection import Workers, place, require_ray
    from experiments.cluster.grid.grid import Grid, QRHeadGrid, read_grid
    from experiments.cluster.grid.tasks import Inputs, tasks

    where = None if on is None else place(on)
    if where is not None:  # before a model is fetched
        require_ray()
        if settings.device == AUTO:
            raise InvalidInput(
                "--device auto goes without --on: a worker has the GPUs of --gpus-per-worker"
            )
    workers = Workers(cpus_per_worker, gpus_per_worker)
    if grid is not None:
        chosen = read_grid(grid)
    else:
        of_options = QRHeadGrid(
            models, questions, tokens or (), (how.method,), (how.mode,), (how.scope,),
            how.levels, how.control_draws,
        )  # fmt: skip
        chosen = Grid(of_options)
    here = settings if on is None else replace(settings, device="cpu")
    inputs = Inputs(here.spec, here.open, here.filing_set(), here.out)
    todo = tasks(chosen, inputs)
    if plan:
        for line in _planned(chosen, inputs, todo, here):
            click.echo(line)
        return
    if where is None:
        store = chosen_store(settings.store, settings.fresh)
        for task in todo:
            task.ask(store)
    else:
        device = settings.device
        if gpus_per_worker and context.get_parameter_source("device") is ParameterSource.DEFAULT:
            device = "cuda"
        store = _on_workers(todo, here, where, device, workers, verbose)
    _export(chosen, here, store, figure)


def _check_given(context: click.Context, grid: str | None, on: str | None, plan: bool) -> None:
    """Raises UsageError for options that go with others only."""
    without_grid = SAID_BY_A_GRID if grid is not None else PLAIN if on or plan else ()
    for parameter in context.command.params:
        given = context.get_parameter_source(str(parameter.name)) is not ParameterSource.DEFAULT
        if parameter.name in without_grid and given:
            said = "--grid, which says it" if grid is not None else "--on and --plan"
            raise click.UsageError(f"{parameter.opts[0]} goes without {said}")
        if parameter.name in OF_WORKERS and given and on is None:
            raise click.UsageError(f"{parameter.opts[-1]} goes with --on")


def _on_workers(
    todo: "list[Task]",
    settings: RunSettings,
    where: "Place",
    device: str,
    workers: "Workers",
    verbose: bool,
) -> "Store":
    from experiments.cluster.connection import connected
    from experiments.cluster.driver import Driver
    from experiments.cluster.staff import Staff

    if where.is_reachable:
        click.echo(
            f"Warning: Ray runs whatever reaches {where.address}: let it be in a private network, "
            "with TLS (experiments/cluster/README.md)",
            err=True,
        )
    folder = watched_folder()
    store = chosen_store(settings.store, settings.fresh, Journal(folder / "driver.jsonl", ""))
    say = lambda line: click.echo(line, err=True)  # noqa: E731
    with connected(where, workers, verbose=verbose) as ray:

        def watch_of(worker: str) -> Journal:
            return Journal(folder / f"{worker.replace('/', '-')}.jsonl", worker)

        Driver(Staff(ray, workers, device, say), store, watch_of, say).run(todo)
    return store


def _export(grid: "Grid", settings: RunSettings, store: "Store", figure: bool) -> None:
    """Writes and shows what the study writes of its cells, out of the store."""
    if grid.qrhead is None:
        return
    of = grid.qrhead
    for method, mode, scope in [(a, b, c) for a in of.methods for b in of.modes for c in of.scopes]:
        how = PlanSettings(method, of.levels, control_draws=of.draws, mode=mode, scope=scope)
        runner = runner_of(settings, how, store=store)
        for spec in map(settings.spec, of.models):
            lengths = of.tokens or spec.token_lengths
            ablate_cells(runner, cells_of(settings, spec, of.questions, lengths), figure)


def _planned(grid: "Grid", inputs: Any, todo: "list[Task]", settings: RunSettings) -> Iterator[str]:
    """How much the grid is, line by line."""
    from statistics import fmean

    from ablation.models.weight_files import model_weights
    from experiments.cluster.grid.counting import counted

    store = chosen_store(settings.store, settings.fresh, None)
    studies = [study for study in (grid.qrhead, grid.methods, grid.exp10) if study is not None]
    models = {
        model.spec.key: model
        for name in dict.fromkeys(name for study in studies for name in study.models)
        for model in [inputs.open(inputs.spec(name))]
    }
    count = counted(todo, {key: model.grid for key, model in models.items()}, store)
    yield f"{len(todo)} tasks; {count.stored:,} results are stored already"
    hours, unknown = 0.0, 0
    for (model, kind, size), number in sorted(count.missing.items()):
        took = count.seconds.get((model, kind, size))
        each = fmean(took) if took else None
        time = "not measured here" if each is None else f"{each:.2g} s each"
        hours += number * (each or 0) / 3600
        unknown += number * (each is None)
        of = f"{model}, {size} tokens" if size else model
        yield f"  {of}: {number:,} of kind {kind} to compute, {time}"
    if hours:
        rest = f", without {unknown:,} results that nothing says of" if unknown else ""
        on = ", ".join(sorted(count.devices))
        yield f"{hours:.1f} hours of one worker, by what is stored of this grid (on {on}){rest}"
    for key, model in models.items():
        held = human_size(model_weights(model.directory) * WIDTHS[model.dtype])
        yield (
            f"{key}: a worker holds {held} of weights in {model.dtype}, and up to {ACTIVATION_MIB} "
            "MiB that sets of heads and prompts share"
        )
