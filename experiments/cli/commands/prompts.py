"""``headclaims prompts``: what a model is shown, and in which style it answers best."""

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from ablation.errors import InvalidInput
from ablation.models.registry import EMBEDDED_MODEL
from ablation.prompts.prompt import Prompt
from ablation.prompts.styles import STYLES
from ablation.stats.proportions import wilson_interval
from experiments.cells.choices import AblationChoice
from experiments.cli.chosen_cells import one_cell
from experiments.cli.options import (
    MODEL_HELP,
    QUESTION,
    RunSettings,
    chosen_store,
    common_options,
)

if TYPE_CHECKING:
    from experiments.cells.cell import Cell

SHOWN = 240
"""Characters of a part that are shown; of a longer one its beginning and end."""

COLOURS = {"haystack": None, "needle": "yellow", "question": "green", "tail": "magenta"}
"""The parts of a prompt. The haystack stands on both sides of the needle, behind what opens the
prompt; the tail closes the chat turn and begins the answer."""


@click.command("prompts")
@click.option("--model", default=EMBEDDED_MODEL, help=MODEL_HELP)
@click.option("--question", type=QUESTION, required=True, help="What to ask.")
@click.option("--tokens", type=int, help="Prompt length; default: the model's shortest.")
@click.option(
    "--answers",
    type=click.IntRange(min=1),
    default=32,
    help="How many detection filings the model is asked about in each style.",
)
@common_options
def prompts_command(
    model: str, question: str, tokens: int | None, answers: int, **options: Any
) -> None:
    """Show a prompt part by part, and how often the unablated model answers it, in every style.

    Only filings of the detection split are asked about: a style that is chosen by what is shown
    here is not chosen by the filings that claims are judged on. Give it with --prompt-style; every
    result names it.

    \b
    headclaims prompts --model DIR --question inc_state
    headclaims prompts --model DIR --question inc_state --prompt-style chat --answers 64
    """
    settings = RunSettings(**options)
    chosen = [settings.prompt_style] if settings.prompt_style else list(STYLES)
    store = chosen_store(settings.store, settings.fresh)
    _ = settings.open(settings.spec(model)).grid  # what is wrong with the model is no style's fault
    refused = []
    for style in chosen:
        spec = replace(settings.spec(model), style=STYLES[style])
        try:
            cell = one_cell(settings, spec, question, tokens)
        except InvalidInput as error:
            refused.append(f"style {style} cannot be used: {error}")
            continue
        for line in _of_style(cell, answers, store):
            click.echo(line)
    if len(refused) == len(chosen):
        raise InvalidInput("; ".join(refused))
    for line in refused:
        click.echo(line)


def _of_style(cell: "Cell", answers: int, store: Any) -> Iterator[str]:
    from experiments.cells.conditions import run_conditions

    yield from _shown(cell, cell.detection[0][1])
    asked = replace(cell, test=cell.detection[:answers])
    (outcomes,) = run_conditions(asked, [()], AblationChoice().of(asked), store)
    right, total = sum(outcomes.correct.values()), len(outcomes.items)
    bounds = wilson_interval(right, total)
    yield (
        f"style {cell.model.spec.style.name}: {right} of {total} detection filings answered "
        f"({right / total:.0%} [{bounds.low:.0%}, {bounds.high:.0%}]), as in:"
    )
    for item in outcomes.items[:3]:
        found = "right" if item.correct else "wrong"
        yield f"  {found}: {item.answer!r}, the truth is {item.truth!r}"
    yield ""


def _shown(cell: "Cell", prompt: Prompt) -> Iterator[str]:
    tokenizer = cell.model.loaded.tokenizer
    yield click.style(
        f"style {cell.model.spec.style.name}: a prompt of {len(prompt.ids)} tokens", bold=True
    )
    for name, ids in _parts(prompt):
        text = tokenizer.decode(ids)
        if len(text) > SHOWN:
            text = f"{text[: SHOWN // 2]} … {text[-SHOWN // 2 :]}"
        label = f"  {name}, {len(ids)} tokens"
        yield f"{label:<26} {click.style(repr(text)[1:-1], fg=COLOURS[name])}"


def _parts(prompt: Prompt) -> Iterator[tuple[str, tuple[int, ...]]]:
    """The parts of a prompt that are not empty: what they are, and their tokens."""
    first, end = prompt.needle
    for name, ids in (
        ("haystack", prompt.context[:first]),
        ("needle", prompt.context[first:end]),
        ("haystack", prompt.context[end:]),
        ("question", prompt.question),
        ("tail", prompt.tail),
    ):
        if ids:
            yield name, ids
