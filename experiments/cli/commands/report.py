"""``headclaims report``: one HTML file in which a reader looks into claims and what is behind."""

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ablation.engine import ENGINE_NAMES, FAST, EngineChoice
from ablation.errors import InvalidInput
from ablation.filings.filing import QUESTIONS
from ablation.filings.split import folds
from ablation.filings.synthetic import DEFAULT_COUNT
from ablation.models.registry import DTYPES, EMBEDDED_MODEL, model_spec
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
    from ablation.models.registry import ModelSpec
    from experiments.pages.report.claims import Run
    from experiments.pages.report.evidence import Source


def _bundle(context: click.Context, _: click.Parameter, path: Path | None) -> Bundle | None:
    """The bundle; what it was made with is what the other options are, unless they are given."""
    if path is None:
        return None
    bundle = read_bundle(path)
    words = [word.removeprefix("--").partition("=") for word in _options(bundle)]
    context.default_map = {name.replace("-", "_"): value for name, _, value in words}
    return bundle


def _options(bundle: Bundle) -> Sequence[str]:
    return bundle.judged.options if bundle.judged is not None else ()


@click.command("report")
@click.option(
    "--bundle",
    type=click.Path(path_type=Path),
    callback=_bundle,
    is_eager=True,
    help="Look into the results in this file; its options are those it was made with.",
)
@click.option("--store", help=STORE_HELP)
@click.option(
    "--claims-json",
    "claims",
    type=click.Path(path_type=Path),
    multiple=True,
    help="Claims that pytest --claims-json wrote; several times for runs side by side. Default: "
    "the checkout's own, as far as they are of this model and these options.",
)
@click.option("--model", default=EMBEDDED_MODEL, help=MODEL_HELP)
@QUESTIONS_OPTION
@click.option("--tokens", type=IntegerList(), help="Prompt lengths; default: the model's first.")
@click.option("--filings", type=click.Path(path_type=Path), help="Directory of real filings.")
@click.option("--ground-truth", type=click.Path(path_type=Path), help="CSV with their facts.")
@click.option("--synthetic", type=int, default=DEFAULT_COUNT, help="How many synthetic filings.")
@click.option("--folds", type=int, help="In how many ways the filings were split.")
@click.option("--prompt-style", type=click.Choice(list(STYLES)), help="Default: the model's own.")
@SITE_OPTION
@click.option(
    "--control-draws", type=click.IntRange(min=1), default=1, help="Draws of random heads."
)
@click.option("--text", help="Text of exp10: embedded, wikitext2 or a file.")
@click.option("--max-tokens", type=int, help="How many tokens of it.")
@click.option("--window", type=int, help="Tokens per window.")
@BOS_OPTION
@click.option("--bias", type=click.Choice(BIAS_POLICIES), default=BIAS_POLICIES[0])
@click.option("--dtype", type=click.Choice(DTYPES), default="float32")
@click.option("--engine", type=click.Choice(ENGINE_NAMES), default=FAST)
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("report.html"),
    help="The file.",
)
def report_command(
    bundle: Bundle | None, claims: tuple[Path, ...], out: Path, **options: Any
) -> None:
    """Write one HTML file: claims, answers, heads, sweeps, and how they came about.

    It computes nothing: what the store or the bundle lacks is named in it. It needs no network and
    no server, and opens from disk.

    \b
    headclaims report --bundle baselines/evidence/smollm2.zip
    pytest -k qrhead -n 4 --report report.html   the report of a run, with its verdicts
    """
    from experiments.machine.files.json_files import check_file_writable
    from experiments.pages.report.claims import read_runs
    from experiments.pages.report.evidence import gathered
    from experiments.pages.report.page import write_page
    from experiments.pages.report.report import report_page

    check_file_writable(out, "--out")
    spec = model_spec(options["model"], options["prompt_style"], options["site"])
    runs = read_runs(claims) if claims else _stored_runs(spec, bundle)
    source = _source(spec, bundle, options)
    evidence = gathered(source)
    if not evidence.cells and not evidence.sweeps and not claims:
        first = evidence.lacking[0] if evidence.lacking else "it is empty"
        raise InvalidInput(
            f"{bundle.path if bundle else source.root} holds no evidence on model {spec.key} with "
            f"these options ({first}): give the store, bundle, model and options of the run"
        )
    of = [str(bundle.path) if bundle else f"store {source.root}", *map(str, claims)]
    command = shlex.join(["headclaims", *sys.argv[1:]])
    write_page(out, report_page(runs, spec.key, evidence, command, of))
    for line in evidence.lacking:
        click.echo(f"not in the report: {line}", err=True)
    click.echo(f"{out}: {out.stat().st_size / 1e6:.1f} MB, {_told(runs, evidence)}")


def _told(runs: "Sequence[Run]", evidence: Any) -> str:
    claims = {claim["id"] for run in runs for claim in run.claims}
    items = sum(cell["items"] for cell in evidence.cells)
    return (
        f"{len(claims)} claims, {items} items in {len(evidence.cells)} cells, "
        f"{len(evidence.sweeps)} sweeps"
    )


def _stored_runs(spec: "ModelSpec", bundle: Bundle | None) -> "list[Run]":
    """The checkout's evidence on this model with the options of the bundle; and the published."""
    from experiments.judging.claim import Tier
    from experiments.judging.stored_evidence import stored_files
    from experiments.pages.report.claims import read_runs

    wanted = {word for word in (_options(bundle) if bundle else ()) if "--model=" not in word}
    runs = [run for path in stored_files() for run in read_runs([path])]
    return [
        run
        for run in runs
        if all(claim["tier"] == Tier.PUBLISHED for claim in run.claims)
        or any(claim["model"] == spec.key and {*claim["options"]} == wanted for claim in run.claims)
    ]


def _source(spec: "ModelSpec", bundle: Bundle | None, options: dict[str, Any]) -> "Source":
    from ablation.models.model import open_model
    from experiments.cells.filings import load_filings
    from experiments.cells.names import CellName
    from experiments.exp10.options import Exp10Options
    from experiments.pages.report.evidence import Source
    from experiments.store.opening import store_root

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
    root = None if bundle else store_root(options["store"])
    return Source(model, names, filings, options["control_draws"], texts, root, bundle)
