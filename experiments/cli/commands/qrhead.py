"""``headclaims detect`` and ``ablate``: the QRHead experiment in one cell."""

from collections.abc import Iterator
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

import click

from ablation.detection import GRADIENT
from ablation.detection.controls import LAYER_MATCHED, UNIFORM
from ablation.filings.filing import QUESTIONS
from ablation.models.registry import EMBEDDED_MODEL
from ablation.stats.proportions import mcnemar, wilson_interval
from experiments.cells.names import RANDOM, TOP
from experiments.cli.chosen_cells import one_cell, parsed, runner_of
from experiments.cli.options import (
    BOS_OPTION,
    METHOD_OPTION,
    MODEL_HELP,
    QUESTION,
    RunSettings,
    ablation_options,
    chosen_store,
    common_options,
)
from experiments.exp10.options import Exp10Options
from experiments.machine.files.json_files import check_writable, storing
from experiments.machine.provenance import merged

if TYPE_CHECKING:
    from experiments.cells.cell import Cell
    from experiments.cells.runner import CellRunner

ONE_MODEL = click.option("--model", default=EMBEDDED_MODEL, help=MODEL_HELP)
ONE_QUESTION = click.option("--question", type=QUESTION, required=True, help="What to ask.")
ONE_LENGTH = click.option(
    "--tokens", type=int, help="Prompt length in tokens; default: the model's shortest."
)


@click.command("detect")
@ONE_MODEL
@click.option("--question", type=QUESTION, help="What to ask.")
@ONE_LENGTH
@click.option(
    "--text",
    help="With --method gradient, instead of a question: a text (embedded, wikitext2 or a UTF-8 "
    "file) whose loss the heads are ranked by.",
)
@click.option("--max-tokens", type=int, help="With --text: how many tokens of it.")
@click.option("--window", type=int, help="With --text: tokens that the model sees at once.")
@BOS_OPTION
@METHOD_OPTION
@common_options
def detect_command(
    model: str,
    question: str | None,
    tokens: int | None,
    text: str | None,
    max_tokens: int | None,
    window: int | None,
    bos: str | None,
    **options: Any,
) -> None:
    """Rank all heads by how well they find the answer, over the detection filings.

    Or, with --text, by how much the loss on a text depends on them.
    """
    plan, settings = parsed(options)
    if text is not None:
        if plan.method != GRADIENT:
            raise click.UsageError(
                f"--text goes with --method {GRADIENT}: the other methods look for an answer"
            )
        for name, value in (
            ("--question", question),
            ("--tokens", tokens),
            ("--filings", settings.filings),
            ("--ground-truth", settings.ground_truth),
        ):
            if value is not None:
                raise click.UsageError(f"{name} is about filings and goes without --text")
        _rank_on_text(settings, model, Exp10Options(text, max_tokens, window, bos))
        return
    if question is None:
        raise click.UsageError(f"one of --question and --text is required ({', '.join(QUESTIONS)})")
    for name, value in (("--max-tokens", max_tokens), ("--window", window), ("--bos", bos)):
        if value is not None:
            raise click.UsageError(f"{name} goes with --text; --tokens is the length of a prompt")
    runner = runner_of(settings, plan)
    spec = settings.spec(model)
    cell = one_cell(settings, spec, question, tokens)
    document = runner.detect(cell)
    best = ", ".join(document["top_50_heads"][:10])
    click.echo(f"{question} at {cell.tokens} tokens, {document['samples_processed']} filings")
    click.echo(f"top 10 heads: {best}")
    click.echo(f"ranking: {runner.results.detection(cell, runner.plan)}")


def _rank_on_text(settings: RunSettings, model: str, options: Exp10Options) -> None:
    spec = settings.spec(model)
    check_writable(settings.out)
    from experiments.exp10.measured.gradient_ranking import rank_on_text
    from experiments.exp10.measured.setting import build_setting, source_text

    source, store = source_text(spec, options), chosen_store(settings.store, settings.fresh)
    setting = build_setting(settings.open(spec), source, options)
    document, path = rank_on_text(setting, store, settings.out)
    click.echo(
        f"{setting.text.name}, its first {len(setting.text.tokens)} tokens, "
        f"{document['samples_processed']} window(s) of {setting.window}"
    )
    click.echo(f"top 10 heads: {', '.join(document['top_50_heads'][:10])}")
    click.echo(f"ranking: {path}")


@click.command("ablate")
@ONE_MODEL
@ONE_QUESTION
@ONE_LENGTH
@click.option(
    "--ranking",
    type=click.Path(path_type=Path),
    help="File to take the top heads from, in any format of 'headclaims ranking'; results are "
    "called after it. Default: this cell's own, computed if missing.",
)
@METHOD_OPTION
@ablation_options
@common_options
def ablate_command(
    model: str,
    question: str,
    tokens: int | None,
    ranking: Path | None,
    figure: bool,
    **options: Any,
) -> None:
    """Ablate the top heads and as many random ones, and count the answers that survive."""
    plan, settings = parsed(options)
    runner = runner_of(settings, plan, ranking)
    cell = one_cell(settings, settings.spec(model), question, tokens)
    ablate_cells(runner, [cell], figure)


def ablate_cells(runner: "CellRunner", cells: "list[Cell]", figure: bool) -> None:
    found = []
    for cell in cells:
        document, controls = runner.ablate(cell), runner.controls(cell)
        found.append((document, controls))
        path = runner.exports.ablation(cell, runner.plan)
        click.echo(f"{cell.model.spec.key}, {cell.question}, {cell.tokens} tokens: {path}")
        for line in _summary(document, controls):
            click.echo(f"  {line}")
        how = merged([document["provenance"], *(one["provenance"] for one in controls)])
        if isinstance(devices := how["device"], list):
            click.echo(f"  computed on several kinds of devices: {', '.join(devices)}")
    if figure:
        for path in _draw(runner, found):
            click.echo(f"figure: {path}")


def _summary(document: dict[str, Any], controls: list[dict[str, Any]]) -> Iterator[str]:
    unablated = document["baseline"]
    yield f"unablated          {_correct(unablated)}"
    if not unablated["correct"]:
        yield "nothing can be lost: see with headclaims prompts how the model is asked"
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
    folder = runner.exports.figures(runner.plan)
    with storing(folder):
        return draw_ablation_curves(found, folder, stem + runner.plan.ablation.tag)
