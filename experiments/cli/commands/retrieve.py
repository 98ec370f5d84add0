"""``headclaims retrieve``: which paragraph answers a query, by what selected heads attend to."""

from pathlib import Path
from typing import Any

import click

from ablation.filings.filing import QUESTIONS
from ablation.models.registry import EMBEDDED_MODEL
from experiments.cli.chosen_cells import cells_of, parsed, runner_of
from experiments.cli.options import (
    METHOD_OPTION,
    MODEL_HELP,
    PlanSettings,
    RunSettings,
    common_options,
)
from experiments.machine.files.paragraph_files import read_paragraphs

TOP = 16
"""Heads that QRHead listens to in models of 1 to 8 billion parameters."""

_SHOWN = 70


@click.command("retrieve")
@click.option("--model", default=EMBEDDED_MODEL, help=MODEL_HELP)
@click.option("--query", required=True, help="What is looked for.")
@click.option(
    "--paragraphs",
    "path",
    type=click.Path(path_type=Path),
    required=True,
    help="Text with blank lines between the paragraphs, or a JSON list of texts.",
)
@click.option("--top", type=click.IntRange(min=1), default=TOP, help="How many heads to listen to.")
@click.option(
    "--ranking",
    type=click.Path(path_type=Path),
    help="File to take the heads from, in any format of 'headclaims ranking'; default: detected "
    "on the detection filings of all questions, when first needed.",
)
@METHOD_OPTION
@common_options
def retrieve_command(
    model: str, query: str, path: Path, top: int, ranking: Path | None, **options: Any
) -> None:
    """Order paragraphs by how much selected heads attend to them from a query."""
    plan, settings = parsed(options)
    paragraphs = read_paragraphs(path)
    loaded, heads = _selected(settings, plan, model, ranking, top)
    from ablation.detection.retrieval import retrieval_prompt, retrieve

    prompt = retrieval_prompt(loaded.tokenizer, query, paragraphs, chat=loaded.spec.style.chat)
    for rank, (place, score) in enumerate(retrieve(loaded.model, prompt, heads), start=1):
        text = " ".join(paragraphs[place].split())
        shown = text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
        click.echo(f"{rank:>3}  {score:+.4f}  [{place + 1}] {shown}")


def _selected(
    settings: RunSettings, plan: PlanSettings, model: str, ranking: Path | None, top: int
) -> Any:
    """The model, and the heads to listen to."""
    spec = settings.spec(model)
    runner = runner_of(settings, plan, ranking)
    cells = cells_of(settings, spec, tuple(QUESTIONS), spec.token_lengths[:1])
    return cells[0].model.loaded, runner.pooled_ranking(cells).top(top)
