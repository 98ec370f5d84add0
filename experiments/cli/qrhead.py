"""``headclaims detect``, ``ablate`` and ``run``: the QRHead experiment."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ablation.errors import ResultsError
from ablation.filings.filing import QUESTIONS, FilingSet
from ablation.models import EMBEDDED_MODEL, ModelSpec
from experiments.cli.options import (
    MODEL_HELP,
    QUESTION,
    IntegerList,
    RunSettings,
    ablation_options,
    common_options,
)
from experiments.json_files import check_writable
from experiments.qrhead.outcomes import RANDOM, TOP

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
    skip_random: bool,
    figure: bool,
    **common: Any,
) -> None:
    """Ablate the top heads and as many random ones, and count the answers that survive."""
    settings = RunSettings(**common)
    runner = _runner(settings, levels, seed, skip_random, ranking)
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
    skip_random: bool,
    figure: bool,
    **common: Any,
) -> None:
    """Run all cells of a grid: every question at every length. Finished cells are kept."""
    settings = RunSettings(**common)
    runner = _runner(settings, levels, seed, skip_random)
    # A misspelt last model is found before the first one has run.
    for spec in [settings.spec(model) for model in models]:
        lengths = spec.token_lengths if tokens is None else tokens
        _ablate(runner, _cells(settings, spec, questions, lengths), figure)


def _runner(
    settings: RunSettings,
    levels: tuple[int, ...] = (),
    seed: int = 0,
    skip_random: bool = False,
    ranking: Path | None = None,
) -> "CellRunner":
    check_writable(settings.out)
    from experiments.qrhead.cell_ablation import AblationPlan
    from experiments.qrhead.runner import CellRunner, ResultsFolder

    plan = AblationPlan(levels=levels, control_seed=seed, skip_random=skip_random)
    return CellRunner(ResultsFolder(settings.out), plan, ranking, settings.fresh)


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
    documents = []
    for cell in cells:
        document = runner.ablate(cell)
        documents.append(document)
        path = runner.results.ablation(cell.loaded.spec.key, cell.question, cell.tokens)
        click.echo(f"{cell.loaded.spec.key}, {cell.question}, {cell.tokens} tokens: {path}")
        for line in _summary(document):
            click.echo(f"  {line}")
    if figure:
        for path in _draw(runner, documents):
            click.echo(f"figure: {path}")


def _summary(document: dict[str, Any]) -> list[str]:
    unablated = document["baseline"]
    lines = [f"unablated  {unablated['correct']:>3}/{unablated['total']} correct"]
    for kind, key in (("top", TOP), ("random", RANDOM)):
        lines += [
            f"{kind:>6} {row['num_heads']:>3} {row['correct']:>3}/{row['total']} correct, "
            f"{100 * (row['accuracy'] - unablated['accuracy']):+.1f} points"
            for row in document[key]
        ]
    return lines


def _draw(runner: "CellRunner", documents: list[dict[str, Any]]) -> list[Path]:
    from experiments.qrhead.figures import draw_ablation_curves

    first = documents[0]
    stem = "_".join(
        [first["model_key"], *dict.fromkeys(d["question"] for d in documents)]
        + [str(tokens) for tokens in dict.fromkeys(d["total_tokens"] for d in documents)]
    )
    folder = runner.results.root / "figures" / "qrhead"
    try:
        return draw_ablation_curves(documents, folder, stem)
    except OSError as error:
        raise ResultsError(
            f"{folder}: the figure cannot be stored ({error.strerror or error}): free some space, "
            "or give another folder with --out"
        ) from error
