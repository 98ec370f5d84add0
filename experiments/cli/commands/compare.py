"""``headclaims compare``: detection methods, ablation modes or dtypes side by side."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Any

import click

from ablation.detection import METHODS
from ablation.detection.controls import CONTROL_SEED, LAYER_MATCHED, SHARED, check_levels
from ablation.models.registry import DTYPES, EMBEDDED_MODEL
from experiments.cells.choices import AblationChoice
from experiments.claims import LEVELS
from experiments.cli.chosen_cells import cells_of, one_cell, runner_of
from experiments.cli.options import (
    LEVELS_OPTION,
    METHOD_OPTION,
    MODEL_HELP,
    QUESTION,
    QUESTIONS_OPTION,
    PlanSettings,
    RunSettings,
    chosen_store,
    common_options,
    mode_options,
)
from experiments.judging.claim import Scale
from experiments.machine.files.json_files import check_writable, storing, write_json


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
    """Detection methods, ablation modes or dtypes side by side: same items, same controls."""


@compare_group.command("methods")
@click.option("--model", default=EMBEDDED_MODEL, help=MODEL_HELP)
@QUESTIONS_OPTION
@click.option(
    "--method",
    "methods",
    type=click.Choice(METHODS),
    multiple=True,
    default=METHODS,
    help="How heads are detected; give it several times for several methods.",
)
@LEVELS_OPTION
@mode_options
@control_options
@click.option("--figure", is_flag=True, help="Draw accuracy against heads ablated: PDF, SVG, PNG.")
@common_options
def methods_command(
    model: str,
    questions: tuple[str, ...],
    methods: tuple[str, ...],
    levels: tuple[int, ...],
    mode: str,
    scope: str,
    tokens: int | None,
    seed: int,
    control_draws: int,
    figure: bool,
    **options: Any,
) -> None:
    """Rank the heads by several methods, and ablate the top ones of each."""
    settings, ablation = RunSettings(**options), AblationChoice(mode, scope)
    check_writable(settings.out)
    store = chosen_store(settings.store, settings.fresh)
    spec, questions = settings.spec(model), tuple(dict.fromkeys(questions))
    length = spec.token_lengths[0] if tokens is None else tokens
    cells = cells_of(settings, spec, questions, (length,))
    from experiments.methods.comparison import compare_methods, rank_cells
    from experiments.methods.documents import methods_document

    check_levels(levels, cells[0].model.grid)
    ranked = rank_cells(cells, methods, store)
    found = compare_methods(cells, ranked, levels, ablation, store, draws=control_draws, seed=seed)
    document = methods_document(cells, ranked, found, levels, ablation, seed)
    for line in _left_out(document):
        click.echo(line, err=True)
    for line in _methods_table(document):
        click.echo(line)
    stem = "_".join([spec.key, *questions, str(length)]) + ablation.tag
    _write(settings.out / "comparisons" / "methods" / f"{stem}.json", document)
    if figure:
        from experiments.methods.figures import draw_methods

        folder = settings.out / "figures" / "methods"
        with storing(folder):
            for path in draw_methods(document, folder, stem):
                click.echo(f"figure: {path}")


def _left_out(document: Mapping[str, Any]) -> Iterator[str]:
    for row in document["left_out"]:
        level = "" if row["num_heads"] is None else f" at {row['num_heads']} heads"
        yield f"left out: {row['method']}{level}: {row['reason']}"


def _methods_table(document: Mapping[str, Any]) -> Iterator[str]:
    for row in document["overlaps"]:
        pair, level = " and ".join(row["methods"]), row["num_heads"]
        yield f"{pair}: Jaccard index of the top {level} {row['jaccard']['estimate']:.2f}"
    yield f"unablated {_percent(document['unablated'])}"
    for row in document["ablations"]:
        yield f"{row['method']:<18} {row['num_heads']:>3}  {_conditions(row)}"


def _conditions(row: Mapping[str, Any]) -> str:
    """Accuracy with the top heads and with every kind of control, pooled over cells."""
    kinds = ("top", LAYER_MATCHED, SHARED)
    return ", ".join(f"{kind} {_percent(row[kind])}" for kind in kinds if kind in row)


def _percent(figure: Mapping[str, Any], digits: int = 0) -> str:
    text = f"{100 * figure['estimate']:.1f}%"
    if figure["interval"] is None:
        return text
    low, high = figure["interval"]
    return f"{text} [{100 * low:.{digits}f}, {100 * high:.{digits}f}]"


def _write(path: Path, document: Mapping[str, Any]) -> None:
    with storing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, document)
    click.echo(f"results: {path}")


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
    from experiments.methods.documents import modes_document
    from experiments.methods.mode_runs import compare_modes

    ranking = runner.pooled_ranking([cell])
    (found,) = compare_modes([(cell, ranking)], level, runner.store, draws=control_draws, seed=seed)
    document = modes_document(cell, found, level, method, seed)
    click.echo(f"unablated {_percent(document['unablated'])}")
    click.echo(f"gap: accuracy lost with {level} top heads beyond that with their controls, points")
    for row in document["ablations"]:
        gap = _percent(row["gap"], 1).replace("%", "")
        click.echo(f"{row['mode']:<17} {row['scope']:<7} {_conditions(row)}, gap {gap}")
    for reason in found.refused.values():
        click.echo(f"not in mode {reason}")
    stem = "_".join([cell.model.spec.key, question, str(cell.tokens), f"top_{level}"])
    _write(settings.out / "comparisons" / "modes" / method / f"{stem}.json", document)


@compare_group.command("dtypes")
@click.option("--model", default=EMBEDDED_MODEL, help=MODEL_HELP)
@QUESTIONS_OPTION
@METHOD_OPTION
@LEVELS_OPTION
@control_options
@common_options
def dtypes_command(
    model: str,
    questions: tuple[str, ...],
    method: str,
    levels: tuple[int, ...],
    tokens: int | None,
    seed: int,
    control_draws: int,
    **options: Any,
) -> None:
    """Run cells in float32 and in --dtype: answers, rankings and verdicts that differ.

    Without --dtype, bfloat16 is compared with float32.
    """
    usual = RunSettings(**options)
    other = usual if usual.dtype != DTYPES[0] else replace(usual, dtype="bfloat16")
    usual = replace(usual, dtype=DTYPES[0])
    runner = runner_of(
        usual, PlanSettings(method, levels=levels, seed=seed, control_draws=control_draws)
    )
    spec, questions = usual.spec(model), tuple(dict.fromkeys(questions))
    length = spec.token_lengths[0] if tokens is None else tokens
    in_usual, in_other = (
        cells_of(settings, spec, questions, (length,)) for settings in (usual, other)
    )
    from experiments.qrhead.dtypes import compare_dtypes

    document = compare_dtypes(in_usual, in_other, runner.plan, runner.store)
    for line in _dtypes_table(document):
        click.echo(line)
    stem = "_".join([spec.key, *questions, str(length), other.dtype])
    _write(usual.out / "comparisons" / "dtypes" / method / f"{stem}.json", document)


def _dtypes_table(document: Mapping[str, Any]) -> Iterator[str]:
    usual, other = document["dtypes"]
    yield f"the heads of {usual} ablated in both: answers of {other} that differ"
    for row in document["answers"]:
        yield (
            f"{row['condition']:<13} {row['num_heads']:>3}  {row['different']} of {row['answers']} "
            f"differ, {row['right_in_one_only']} right in one only; right: {usual} "
            f"{row['correct'][0]}, {other} {row['correct'][1]}"
        )
    for row in document["rankings"]:
        yield (
            f"top {row['num_heads']:>3}  Jaccard index of the rankings "
            f"{fmean(row['jaccard']):.2f} ({min(row['jaccard']):.2f} at least)"
        )
    for row in document["claims"]:
        unit = Scale(row["unit"])
        told = (f"{dtype} {_judged(row[dtype], unit)}" for dtype in (usual, other))
        yield f"{row['claim']} {row['part']:>2}  " + "; ".join(told)


def _judged(found: Mapping[str, Any], unit: Scale) -> str:
    """What was measured of a claim in one dtype, and the verdict on it."""
    ends = found["interval"]
    interval = "no interval" if ends is None else ", ".join(map(unit.show, ends))
    return f"{unit.show(found['estimate'])} [{interval}] {unit}, {found['verdict']}"
