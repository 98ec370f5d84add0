"""``headclaims detect``, ``ablate`` and ``run``: the QRHead experiment."""

from collections.abc import Iterator
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

import click

from ablation.controls import LAYER_MATCHED, UNIFORM
from ablation.filings.filing import QUESTIONS, FilingSet
from ablation.models import EMBEDDED_MODEL, ModelSpec
from experiments.cli.options import (
    MODEL_HELP,
    QUESTION,
    IntegerList,
    RunSettings,
    ablation_options,
    chosen_store,
    common_options,
)
from experiments.json_files import check_writable, storing
from experiments.qrhead.keys import RANDOM, TOP

if TYPE_CHECKING:
    from experiments.qrhead.cells import Cell
    from experiments.qrhead.runner import CellRunner

ONE_MODEL = click.option("--model", default=EMBEDDED_MODEL, help=MODEL_HELP)
ONE_QUESTION = click.option("--question", type=QUESTION, required=True, help="What to ask.")
ONE_LENGTH = click.option(
    "--tokens", type=int, help="Prompt length in tokens; default: the model's shortest."
)


@click.command("detect")
@ONE_MODEL
@ONE_QUESTION
@ONE_LENGTH
@common_options
def detect_command(model: str, question: str, tokens: int | None, **common: Any) -> None:
    """Rank all heads by how well they find the answer (QRHead), over the detection filings."""
    settings = RunSettings(**common)
    runner = _runner(settings)
    spec = settings.spec(model)
    cell = _one_cell(settings, spec, question, tokens)
    document = runner.detect(cell)
    best = ", ".join(document["top_50_heads"][:10])
    click.echo(f"{question} at {cell.tokens} tokens, {document['samples_processed']} filings")
    click.echo(f"top 10 heads: {best}")
    click.echo(f"ranking: {runner.results.detection(spec.key, question, cell.tokens)}")


@click.command("ablate")
@ONE_MODEL
@ONE_QUESTION
@ONE_LENGTH
@click.option(
    "--ranking",
    type=click.Path(path_type=Path),
    help="Detection file to take the top heads from; default: this cell's, computed if missing.",
)
@ablation_options
@common_options
def ablate_command(
    model: str,
    question: str,
    tokens: int | None,
    ranking: Path | None,
    levels: tuple[int, ...],
    seed: int,
    control_draws: int,
    skip_random: bool,
    figure: bool,
    **common: Any,
) -> None:
    """Ablate the top heads and as many random ones, and count the answers that survive."""
    settings = RunSettings(**common)
    runner = _runner(
        settings,
        ranking,
        levels=levels,
        control_seed=seed,
        skip_random=skip_random,
        control_draws=control_draws,
    )
    cell = _one_cell(settings, settings.spec(model), question, tokens)
    _ablate(runner, [cell], figure)


@click.command("run")
@click.option("--model", "models", multiple=True, default=(EMBEDDED_MODEL,), help=MODEL_HELP)
@click.option(
    "--question",
    "questions",
    type=QUESTION,
    multiple=True,
    default=tuple(QUESTIONS),
    help="What to ask; give it several times for several questions.",
)
@click.option(
    "--tokens", type=IntegerList(), help="Prompt lengths in tokens; default: all of the model's."
)
@ablation_options
@common_options
def run_command(
    models: tuple[str, ...],
    questions: tuple[str, ...],
    tokens: tuple[int, ...] | None,
    levels: tuple[int, ...],
    seed: int,
    control_draws: int,
    skip_random: bool,
    figure: bool,
    **common: Any,
) -> None:
    """Run all cells of a grid: every question at every length. Finished cells are kept."""
    settings = RunSettings(**common)
    runner = _runner(
        settings,
        levels=levels,
        control_seed=seed,
        skip_random=skip_random,
        control_draws=control_draws,
    )
    # A misspelt last model is found before the first one has run.
    for spec in [settings.spec(model) for model in models]:
        lengths = spec.token_lengths if tokens is None else tokens
        _ablate(runner, _cells(settings, spec, questions, lengths), figure)


def _runner(settings: RunSettings, ranking: Path | None = None, **plan: Any) -> "CellRunner":
    check_writable(settings.out)
    from experiments.qrhead.cell_ablation import AblationPlan
    from experiments.qrhead.runner import CellRunner, ResultsFolder

    store = chosen_store(settings.store, settings.fresh)
    return CellRunner(store, ResultsFolder(settings.out), AblationPlan(**plan), ranking)


def _one_cell(settings: RunSettings, spec: ModelSpec, question: str, tokens: int | None) -> "Cell":
    return _cells(
        settings, spec, (question,), (spec.token_lengths[0] if tokens is None else tokens,)
    )[0]


def _cells(
    settings: RunSettings,
    spec: ModelSpec,
    questions: tuple[str, ...],
    lengths: tuple[int, ...],
) -> "list[Cell]":
    """Builds a model's cells before the first one runs: bad input costs seconds, not hours."""
    from experiments.qrhead.cells import build_cell

    filings: FilingSet = settings.filing_set()
    loaded = settings.load(spec)
    return [
        build_cell(loaded, filings, question, tokens)
        for question in questions
        for tokens in lengths
    ]


def _ablate(runner: "CellRunner", cells: "list[Cell]", figure: bool) -> None:
    found = []
    for cell in cells:
        document, controls = runner.ablate(cell), runner.controls(cell)
        found.append((document, controls))
        path = runner.results.ablation(cell.loaded.spec.key, cell.question, cell.tokens)
        click.echo(f"{cell.loaded.spec.key}, {cell.question}, {cell.tokens} tokens: {path}")
        for line in _summary(document, controls):
            click.echo(f"  {line}")
    if figure:
        for path in _draw(runner, found):
            click.echo(f"figure: {path}")


def _summary(document: dict[str, Any], controls: list[dict[str, Any]]) -> Iterator[str]:
    from ablation.stats import mcnemar

    unablated = document["baseline"]
    yield f"unablated          {_correct(unablated)}"
    for row in document[TOP]:
        pairs = zip(unablated["items"], row["items"], strict=True)
        changed = [(a["correct"], b["correct"]) for a, b in pairs]
        p = mcnemar(changed.count((True, False)), changed.count((False, True)))
        yield f"top           {row['num_heads']:>3}  {_correct(row, unablated)}, p = {p:.2g}"
    drawn = [(UNIFORM, row) for row in document[RANDOM]]
    drawn += [(draw["control"]["kind"], row) for draw in controls for row in draw["ablations"]]
    for kind in (UNIFORM, LAYER_MATCHED):
        for level in document["ablation_levels"]:
            rows = [row for of, row in drawn if (of, row["num_heads"]) == (kind, level)]
            if len(rows) == 1:
                yield f"{kind:<13} {level:>3}  {_correct(rows[0], unablated)}"
            elif rows:
                counts = [row["correct"] for row in rows]
                yield (
                    f"{kind:<13} {level:>3}  {fmean(counts):.1f}/{unablated['total']} correct, "
                    f"mean of {len(counts)} draws ({min(counts)} to {max(counts)})"
                )


def _correct(row: dict[str, Any], unablated: dict[str, Any] | None = None) -> str:
    """Counts with their 95% Wilson interval, and the points lost."""
    from ablation.stats import wilson_interval

    low, high = wilson_interval(row["correct"], row["total"])
    text = f"{row['correct']:>3}/{row['total']} correct [{100 * low:.0f}, {100 * high:.0f}]%"
    if unablated is None:
        return text
    return f"{text}, {100 * (row['accuracy'] - unablated['accuracy']):+.1f} points"


def _draw(
    runner: "CellRunner", found: list[tuple[dict[str, Any], list[dict[str, Any]]]]
) -> list[Path]:
    from experiments.qrhead.figures import draw_ablation_curves

    documents = [document for document, _ in found]
    stem = "_".join(
        [documents[0]["model_key"], *dict.fromkeys(d["question"] for d in documents)]
        + [str(tokens) for tokens in dict.fromkeys(d["total_tokens"] for d in documents)]
    )
    folder = runner.results.root / "figures" / "qrhead"
    with storing(folder):
        return draw_ablation_curves(found, folder, stem)
