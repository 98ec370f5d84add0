"""What the commands share that look into results and compute none: which results, and of what."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ablation.engine import ENGINE_NAMES, FAST, EngineChoice
from ablation.filings.filing import QUESTIONS
from ablation.filings.split import folds
from ablation.filings.synthetic import DEFAULT_COUNT
from ablation.models.registry import DTYPES, EMBEDDED_MODEL, ModelSpec, model_spec
from ablation.prompts.styles import STYLES
from experiments.cli.options import (
    BOS_OPTION,
    MODEL_HELP,
    QUESTIONS_OPTION,
    SITE_OPTION,
    IntegerList,
)
from experiments.exp10.options import BIAS_POLICIES
from experiments.store.bundle import Bundle, read_bundle
from experiments.store.opening import STORE_HELP

if TYPE_CHECKING:
    from experiments.pages.evidence import Source


def _bundle(context: click.Context, _: click.Parameter, path: Path | None) -> Bundle | None:
    """The bundle; what it was made with is what the other options are, unless they are given."""
    if path is None:
        return None
    bundle = read_bundle(path)
    made_with = bundle.judged.options if bundle.judged is not None else ()
    words = [word.removeprefix("--").partition("=") for word in made_with]
    context.default_map = {name.replace("-", "_"): value for name, _, value in words}
    return bundle


def evidence_options(command: Callable[..., None]) -> Callable[..., None]:
    """Which store or bundle, and the options of the run that computed what it holds."""
    for option in reversed(
        (
            click.option(
                "--bundle",
                type=click.Path(path_type=Path),
                callback=_bundle,
                is_eager=True,
                help="Results in this file; the options are those it was made with.",
            ),
            click.option("--store", help=STORE_HELP),
            click.option("--model", default=EMBEDDED_MODEL, help=MODEL_HELP),
            QUESTIONS_OPTION,
            click.option(
                "--tokens", type=IntegerList(), help="Prompt lengths; default: the model's first."
            ),
            click.option(
                "--filings", type=click.Path(path_type=Path), help="Directory of real filings."
            ),
            click.option(
                "--ground-truth", type=click.Path(path_type=Path), help="CSV with their facts."
            ),
            click.option(
                "--synthetic", type=int, default=DEFAULT_COUNT, help="How many synthetic filings."
            ),
            click.option("--folds", type=int, help="In how many ways the filings were split."),
            click.option(
                "--prompt-style", type=click.Choice(list(STYLES)), help="Default: the model's own."
            ),
            SITE_OPTION,
            click.option(
                "--control-draws",
                type=click.IntRange(min=1),
                default=1,
                help="How many draws of random heads.",
            ),
            click.option("--text", help="Text of exp10: embedded, wikitext2 or a file."),
            click.option("--max-tokens", type=int, help="How many tokens of it."),
            click.option("--window", type=int, help="Tokens per window."),
            BOS_OPTION,
            click.option("--bias", type=click.Choice(BIAS_POLICIES), default=BIAS_POLICIES[0]),
            click.option("--dtype", type=click.Choice(DTYPES), default=DTYPES[0]),
            click.option("--engine", type=click.Choice(ENGINE_NAMES), default=FAST),
        )
    ):
        command = option(command)
    return command


def spec_of(options: dict[str, Any]) -> ModelSpec:
    """The model of the options.

    Raises:
        InvalidInput: there is no such model.
    """
    return model_spec(options["model"], options["prompt_style"], options["site"])


def source_of(options: dict[str, Any]) -> "Source":
    """Where the evidence of the options is, and what of it is wanted.

    Raises:
        InvalidInput: filings, a text or an ablation that there cannot be.
        Unavailable: the model is not to be had.
    """
    from ablation.models.model import open_model
    from experiments.cells.filings import load_filings
    from experiments.cells.names import CellName
    from experiments.exp10.options import Exp10Options
    from experiments.pages.evidence import Source
    from experiments.store.opening import store_root

    spec, bundle = spec_of(options), options["bundle"]
    names = [
        CellName(spec.key, question, tokens, fold)
        for tokens in options["tokens"] or spec.token_lengths[:1]
        for question in QUESTIONS
        if question in options["questions"]
        for fold in (folds(options["folds"]) if options["folds"] else (None,))
    ]
    filings = load_filings(*(options[name] for name in ("filings", "ground_truth", "synthetic")))
    text = {name: options[name] for name in ("text", "max_tokens", "window", "bos")}
    zero = Exp10Options(**text, mode="zero", bias=options["bias"])
    texts = [zero, Exp10Options(**text, mode="mean")]
    model = open_model(spec, "cpu", options["dtype"], EngineChoice(options["engine"]))
    # A folder that is named lies above the bundle, as under pytest.
    root = store_root(options["store"]) if options["store"] or not bundle else None
    return Source(model, names, filings, options["control_draws"], texts, root, bundle)
