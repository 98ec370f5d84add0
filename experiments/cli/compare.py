"""``headclaims compare``: detection methods side by side, and ablation modes side by side."""

from collections.abc import Callable, Iterator, Sequence
from itertools import combinations
from statistics import fmean
from typing import TYPE_CHECKING, Any

import click

from ablation.controls import CONTROL_SEED, LAYER_MATCHED
from ablation.detection import METHODS
from ablation.filings.filing import QUESTIONS
from ablation.models import EMBEDDED_MODEL
from experiments.claims import LEVELS
from experiments.cli.cells import cells_of, one_cell, runner_of
from experiments.cli.options import (
    METHOD_OPTION,
    MODEL_HELP,
    QUESTION,
    IntegerList,
    PlanSettings,
    RunSettings,
    chosen_store,
    common_options,
)
from experiments.json_files import check_writable, storing

if TYPE_CHECKING:
    from experiments.methods.comparison import Comparison
    from experiments.qrhead.outcomes import Answers, CellOutcomes


def control_options(command: Callable[..., None]) -> Callable[..., None]:
    """Prompt length, and how random heads are drawn."""
    for option in (
        click.option(
            "--control-draws",
            type=click.IntRange(min=1),
            default=1,
            help="How many draws of random heads of each kind.",
        ),
        click.option(
            "--seed", type=int, default=CONTROL_SEED, help="First seed of the random heads."
        ),
        click.option(
            "--tokens", type=int, help="Prompt length in tokens; default: the model's shortest."
        ),
    ):
        command = option(command)
    return command


@click.group("compare")
def compare_group() -> None:
    """Detection methods, or ablation modes, side by side: same items, same controls."""


@compare_group.command("methods")
@click.option("--model", default=EMBEDDED_MODEL, help=MODEL_HELP)
@click.option(
    "--question",
    "questions",
    type=QUESTION,
    multiple=True,
    default=tuple(QUESTIONS),
    help="What to ask; give it several times for several questions.",
)
@click.option(
    "--method",
    "methods",
    type=click.Choice(METHODS),
    multiple=True,
    default=METHODS,
    help="How heads are detected; give it several times for several methods.",
)
@click.option(
    "--levels",
    type=IntegerList(),
    default=",".join(map(str, LEVELS)),
    help="How many of the top heads to ablate, ascending.",
)
@control_options
@click.option("--figure", is_flag=True, help="Draw accuracy against heads ablated (PNG and SVG).")
@common_options
def methods_command(
    model: str,
    questions: tuple[str, ...],
    methods: tuple[str, ...],
    levels: tuple[int, ...],
    tokens: int | None,
    seed: int,
    control_draws: int,
    figure: bool,
    **options: Any,
) -> None:
    """Rank the heads by several methods, and zero the top ones of each."""
    settings = RunSettings(**options)
    check_writable(settings.out)
    store = chosen_store(settings.store, settings.fresh)
    spec = settings.spec(model)
    length = spec.token_lengths[0] if tokens is None else tokens
    cells = cells_of(settings, spec, questions, (length,))
    from ablation.modes import ZeroAblation
    from experiments.methods.comparison import compare_methods

    found = compare_methods(
        cells, methods, levels, ZeroAblation(), store, draws=control_draws, seed=seed
    )
    for method, reason in found.refused.items():
        click.echo(f"left out: {method}: {reason}", err=True)
    for line in _methods_table(found, levels):
        click.echo(line)
    if figure and found.outcomes:
        from experiments.methods.figures import draw_methods

        folder = settings.out / "figures" / "methods"
        with storing(folder):
            stem = "_".join([spec.key, *questions, str(length)])
            for path in draw_methods(found, folder, stem):
                click.echo(f"figure: {path}")


def _methods_table(found: "Comparison", levels: tuple[int, ...]) -> Iterator[str]:
    from experiments.methods.comparison_evidence import overlaps

    for pair in combinations(found.rankings, 2):
        shared = fmean(overlaps(found.rankings, pair, levels[-1]))
        yield f"{' and '.join(pair)}: Jaccard index of the top {levels[-1]} {shared:.2f}"
    for method, cells in found.outcomes.items():
        for level in levels:
            yield f"{method:<18} {level:>3}  {_row(cells, level)}"


def _row(cells: "Sequence[CellOutcomes]", level: int) -> str:
    """Accuracy with the top heads and with every kind of control, pooled over cells."""
    from experiments.qrhead.outcomes import control_answers

    kinds = {"top": [[cell.top[level] for cell in cells]]}
    kinds |= {kind: control_answers(cells, kind, level) for kind in cells[0].controls}
    return ", ".join(f"{kind} {_accuracy(cells, draws)}" for kind, draws in kinds.items())


def _accuracy(cells: "Sequence[CellOutcomes]", draws: "Sequence[Sequence[Answers]]") -> str:
    from experiments.qrhead.outcomes import accuracy

    value, interval = accuracy(cells, draws)
    bounds = f" [{100 * interval.low:.0f}, {100 * interval.high:.0f}]" if interval else ""
    return f"{100 * value:.1f}%{bounds}"


@compare_group.command("modes")
@click.option("--model", default=EMBEDDED_MODEL, help=MODEL_HELP)
@click.option("--question", type=QUESTION, required=True, help="What to ask.")
@click.option(
    "--level",
    type=click.IntRange(min=1),
    default=LEVELS[-1],
    help="How many of the top heads to ablate.",
)
@METHOD_OPTION
@control_options
@common_options
def modes_command(
    model: str,
    question: str,
    method: str,
    level: int,
    tokens: int | None,
    seed: int,
    control_draws: int,
    **options: Any,
) -> None:
    """Ablate the top heads of a cell in every mode and scope."""
    settings = RunSettings(**options)
    runner = runner_of(settings, PlanSettings(method))
    cell = one_cell(settings, settings.spec(model), question, tokens)
    from experiments.methods.mode_runs import compare_modes
    from experiments.qrhead.evidence import gap_evidence

    ranking = runner.pooled_ranking([cell])
    found = compare_modes(cell, ranking, level, runner.store, draws=control_draws, seed=seed)
    unablated = next(iter(found.outcomes.values())).unablated
    click.echo(f"unablated: {sum(unablated.values())}/{len(unablated)} correct")
    click.echo(f"gap: accuracy lost with {level} top heads beyond that with their controls, points")
    for (mode, scope), outcomes in found.outcomes.items():
        evidence = gap_evidence([outcomes], level, LAYER_MATCHED)
        gap = f"{100 * evidence.estimate:+.1f}"
        if evidence.interval is not None:
            gap += f" [{100 * evidence.interval.low:.1f}, {100 * evidence.interval.high:.1f}]"
        click.echo(f"{mode:<17} {scope:<7} {_row([outcomes], level)}, gap {gap}")
