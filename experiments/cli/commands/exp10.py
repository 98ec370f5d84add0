"""``headclaims exp10``: every head ablated alone, then together."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ablation.engine import ACTIVATION_MIB, EngineChoice
from ablation.models.registry import DTYPES, EMBEDDED_MODEL, model_spec
from experiments.cli.options import (
    BOS_OPTION,
    DEVICE_OPTION,
    ENGINE_OPTION,
    MODEL_HELP,
    SITE_OPTION,
    chosen_store,
    human_size,
    store_options,
)
from experiments.exp10.options import BIAS_POLICIES, MODES, PARTS, Exp10Options
from experiments.machine.files.json_files import check_writable
from experiments.machine.peak_memory import peak_memory

if TYPE_CHECKING:
    from experiments.exp10.measured.evaluations import Evaluations
    from experiments.exp10.runner import Exp10Results


class Parts(click.ParamType):
    """Letters out of ``abcd``."""

    name = "letters"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if value and set(value) <= set(PARTS):
            return value
        return self.fail(f"letters out of {PARTS} are required, as in abc; got {value!r}")


@click.command("exp10")
@click.option("--model", default=EMBEDDED_MODEL, help=MODEL_HELP)
@SITE_OPTION
@click.option(
    "--parts",
    type=Parts(),
    default=PARTS,
    help=f"Letters of {PARTS}. a: every head alone; b: ranking and fits; c: heads removed "
    "together; d: layers and the penetration function. a always runs: the others are about it.",
)
@click.option(
    "--text",
    help="Text: embedded (Wikipedia), wikitext2 (from the model hub), or a UTF-8 file; default: "
    "the model's own, wikitext2 for gpt2, else embedded.",
)
@click.option(
    "--max-tokens",
    type=int,
    help="How many tokens of the text; default: 2048 for gpt2, as in the study, else 1024.",
)
@click.option(
    "--window",
    type=int,
    help="Tokens per window; default: the smallest of the model's context, 1024 and --max-tokens.",
)
@BOS_OPTION
@click.option(
    "--mode",
    type=click.Choice(MODES),
    default=MODES[0],
    help="What takes the place of a head's z: zero, its mean over the text, or other attention.",
)
@click.option(
    "--bias",
    type=click.Choice(BIAS_POLICIES),
    default=BIAS_POLICIES[0],
    help="With --mode zero, in models with value biases (GPT-2's, say): keep the bias, as the "
    "study did, or remove it too; both are the same in models without.",
)
@DEVICE_OPTION
@click.option("--dtype", type=click.Choice(DTYPES), default="float32")
@ENGINE_OPTION
@click.option(
    "--activation-memory",
    type=click.IntRange(min=0),
    default=ACTIVATION_MIB,
    help="MiB for streams that sets of heads share; windows beyond run all layers for every set.",
)
@click.option(
    "--out",
    "--output-dir",
    "out",
    type=click.Path(path_type=Path),
    default=Path("results"),
    help="Folder of the results.",
)
@click.option("--figures/--no-figures", default=True, help="Draw the figures (PDF, SVG and PNG).")
@store_options
def exp10_command(
    model: str,
    parts: str,
    device: str,
    dtype: str,
    engine: str,
    activation_memory: int,
    site: str | None,
    out: Path,
    figures: bool,
    store: str | None,
    fresh: bool,
    **choices: Any,
) -> None:
    """Ablate every head alone, then more and more together: Experiment 10.

    Effects are ΔPPL = (ppl - ppl0) / ppl0 on a text. Results go to OUT/data, figures to
    OUT/figures, under the study's own names. A run that was stopped goes on where it was: finished
    heads are kept in the store, and used again only for the same model, text and ablation.

    \b
    headclaims exp10                          SmolLM2 on Wikipedia, 270 heads
    headclaims exp10 --model gpt2             the study itself (needs the model hub)
    headclaims exp10 --parts ab --mode mean   mean ablation, no cumulative curve
    """
    options = Exp10Options(**choices)
    spec = model_spec(model, site=site)
    check_writable(out)
    kept = chosen_store(store, fresh)
    from ablation.models.model import open_model
    from experiments.exp10.measured.evaluations import Evaluations
    from experiments.exp10.measured.individual import sweep
    from experiments.exp10.measured.setting import build_setting, source_text
    from experiments.exp10.runner import run_exp10

    source = source_text(spec, options)
    opened = open_model(spec, device, dtype, EngineChoice(engine, activation_memory))
    setting = build_setting(opened, source, options)
    evaluations = Evaluations(setting, kept)
    sweep(evaluations)
    click.echo(_cost(evaluations))
    results = run_exp10(evaluations, parts, out / "data")
    for line in _summary(results):
        click.echo(line)
    for path in results.paths:
        click.echo(f"results: {path}")
    if figures:
        for path in _draw(results, out / "figures", setting.tag):
            click.echo(f"figure: {path}")


def _cost(evaluations: "Evaluations") -> str:
    """How long the sweep took, for planning the next one."""
    model = evaluations.setting.model
    computed, seconds = len(evaluations.seconds), sum(evaluations.seconds)
    if not computed:
        return f"10A: all {len(model.grid)} heads were stored: {evaluations.store.root}"
    peaks = {
        kind if kind == "resident" else str(device): size
        for device in model.loaded.devices
        for kind, size in peak_memory(device).items()
    }
    peak = ", ".join(f"{name} {human_size(size)}" for name, size in peaks.items())
    return (
        f"10A: {computed} evaluations computed in {seconds:.1f} s, "
        f"{computed / seconds:.3g} heads per second; peak memory: {peak or 'not known here'}"
    )


def _summary(results: "Exp10Results") -> Iterator[str]:
    """What was found, one line for each part."""
    from experiments.exp10.evidence import law_of_the_tail

    summary = results.summary
    counts, ppl = summary["statistics"], summary["unablated"]["ppl"]
    yield f"unablated perplexity {ppl:.4f} ({summary['text']['name']}, {_tokens(summary)})"
    yield (
        f"10A: {counts['total']} heads alone: {counts['abs_below_1pct']} below 1%, "
        f"{counts['abs_below_10pct']} below 10%, {counts['negative']} help when ablated; largest "
        f"{counts['max_head']} {_percent(counts['max'])}"
    )
    if "rank_size" in summary:
        yield f"10B: {_fits(summary['rank_size'])}"
        if "compared" in summary["rank_size"]:
            yield f"10B: {law_of_the_tail(summary['rank_size'])}"
        layer = max(summary["layer_effects"], key=lambda row: row["share"])
        yield f"10B: layer {layer['layer']} holds most: {layer['share']:.0%} of all effects"
    if results.cumulative is not None:
        curve = results.cumulative["curves"][0]
        within = ", ".join(
            f"{row['first']['within']} within {row['threshold']}x" for row in curve["thresholds"]
        )
        yield f"10C: of {curve['total']} heads removed together, up to the first crossing: {within}"
        joint = results.cumulative["helping_heads"]
        yield (
            f"10C: the {len(joint['heads'])} helping heads together: {_percent(joint['joint'])}, "
            f"summed {_percent(joint['sum_of_individual'])}"
        )
    if "no_penetration" in summary:
        yield f"10D: {summary['no_penetration']}"
    correlation = summary.get("correlation")
    if correlation and correlation["pearson_r"] is not None:
        yield (
            f"10D: layer effects and slope of g: r = {correlation['pearson_r']:.2f} "
            f"(p = {correlation['pearson_p']:.2g}), rho = {correlation['spearman_rho']:.2f} "
            f"(p = {correlation['spearman_p']:.2g})"
        )


def _fits(fits: dict[str, Any]) -> str:
    if "no_fit" in fits:
        return fits["no_fit"]
    alphas = ", ".join(
        f"{fits[key]['alpha']:.2f} ({name})"
        for key, name in (
            ("linear", "linear, the study's"),
            ("log_log", "log-log"),
            ("maximum_likelihood", "maximum likelihood"),
        )
    )
    return f"alpha {alphas}; top 10 heads hold {fits['top_shares']['10']:.0%}"


def _tokens(document: dict[str, Any]) -> str:
    return f"{document['text']['tokens']} tokens in windows of {document['text']['window']}"


def _percent(fraction: float) -> str:
    return f"{100 * fraction:+.2f}%"


def _draw(results: "Exp10Results", folder: Path, tag: str) -> list[Path]:
    from experiments.exp10.figures.all_figures import draw_all
    from experiments.machine.files.json_files import storing

    with storing(folder):
        return draw_all(results.individual, results.cumulative, results.summary, folder, tag)
