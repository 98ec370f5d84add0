"""``headclaims bench``: how long our engine takes beside the loops in use, and whole commands."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ablation.errors import ComputationError
from ablation.models.registry import EMBEDDED_MODEL, model_spec
from experiments.bench import PARTS
from experiments.cli.options import MODEL_HELP, human_size
from experiments.machine.files.json_files import check_writable, write_json

if TYPE_CHECKING:
    from experiments.bench.benchmark import Part


@click.command("bench")
@click.option("--model", default=EMBEDDED_MODEL, help=MODEL_HELP)
@click.option("--text", help="Text of the sweep: embedded, wikitext2 or a file.")
@click.option(
    "--quick", is_flag=True, help="One round of small sizes: does it run, do values agree?"
)
@click.option(
    "--part",
    "parts",
    multiple=True,
    type=click.Choice(PARTS),
    help="Measure this part only; several times.",
)
@click.option(
    "--runs",
    is_flag=True,
    help="Time whole commands instead: installing, and every study cold and warm. An hour.",
)
@click.option(
    "--warm-runs",
    is_flag=True,
    help="Time judging what the committed bundle holds. Two minutes.",
)
@click.option(
    "--device",
    default="cpu",
    help="An accelerator, as cuda: exactness on tiny models, then Llama-3-8B's shapes "
    "with random weights; no length is begun after five minutes.",
)
@click.option(
    "--run",
    "own_runs",
    multiple=True,
    metavar="NAME=COMMAND",
    help="Time this shell command instead, as in --run 'all of CI=.ci/run'; several times.",
)
@click.option(
    "--json",
    "path",
    type=click.Path(path_type=Path),
    help="Keep the figures there; what other commands have measured on this machine stays.",
)
def bench_command(
    model: str,
    text: str | None,
    quick: bool,
    parts: tuple[str, ...],
    runs: bool,
    warm_runs: bool,
    device: str,
    own_runs: tuple[str, ...],
    path: Path | None,
) -> None:
    """Measure sweeps, answers, detection and start-up beside the loops in use.

    In one process, on the same model, inputs and threads, interleaved: medians of several rounds,
    with the least and the most. Values are compared in the same run, and a difference beyond
    rounding is an error; times are reported, whatever they are. An hour on 2 cores, or three
    minutes with --quick; the TransformerBridge loop needs pip install -e '.[test]'.

    With --runs, --warm-runs or --run whole commands are timed instead, each in a scratch folder of
    its own.

    \b
    What experiments/bench/README.md shows is measured on a machine with nothing else to do by
      headclaims bench --json experiments/bench/machines/NAME.json
      headclaims bench --json experiments/bench/machines/NAME.json --runs
      headclaims bench --json experiments/bench/machines/GPU.json --device cuda
      headclaims docs
    """
    if path is not None:
        check_writable(path.parent, "--json")
    if runs or warm_runs or own_runs:
        if text is not None or quick or parts or (model, device) != (EMBEDDED_MODEL, "cpu"):
            raise click.UsageError(
                "--runs, --warm-runs and --run time commands, without --model, --text, --device, "
                "--part and --quick"
            )
        _time_commands(runs, warm_runs, own_runs, path)
        return
    if device != "cpu" and (text is not None or parts or model != EMBEDDED_MODEL):
        raise click.UsageError(
            "--device measures random models, without --model, --text and --part"
        )
    from ablation.models.loading import check_device
    from experiments.bench.document import kept, machine, with_parts

    check_device(device)
    here = machine(device)
    document = kept(path, here)
    click.echo(", ".join(f"{key} {value}" for key, value in here.items()))
    name, chosen = _parts(model, text, device, quick, parts)
    found = []
    for part in chosen:
        found.append(part)
        click.echo()
        for line in _lines(part):
            click.echo(line)
        # What was measured is not lost over a later part.
        if path is not None:
            write_json(path, with_parts(document, name, [one.document() for one in found]))
    apart = [part for part in found if not part.agrees]
    if apart:
        raise ComputationError(
            "values must agree, and do not: "
            + "; ".join(f"{part.title.split(':')[0]}: {part.disagreement}" for part in apart)
        )


def _parts(
    model: str, text: str | None, device: str, quick: bool, names: tuple[str, ...]
) -> tuple[str, Iterator["Part"]]:
    """The key of the model that is measured, and the parts, each measured when it is asked for."""
    if device != "cpu":
        from experiments.bench.gpu import QUICK_GPU, GpuSize, gpu_benchmark

        return "random", gpu_benchmark(device, QUICK_GPU if quick else GpuSize())
    from ablation.assets.text import read_text
    from experiments.bench.benchmark import QUICK, Size, benchmark

    spec = model_spec(model)
    source = read_text(spec.text if text is None else text)
    return spec.key, benchmark(spec, source, QUICK if quick else Size(), names or PARTS)


def _time_commands(standard: bool, warm: bool, own: tuple[str, ...], path: Path | None) -> None:
    from experiments.bench.document import kept, machine, with_runs
    from experiments.bench.whole_runs import commands, parse, timed, warm_commands

    chosen = [
        *(commands() if standard else []),
        *(warm_commands() if warm else []),
        *map(parse, own),
    ]
    document = kept(path, machine())
    for row in timed(chosen):
        sizes = [
            f"{kind} {human_size(row[key])}"
            for kind, key in (("peak memory", "peak_bytes"), ("on disk", "disk_bytes"))
            if key in row
        ]
        click.echo(", ".join([f"{row['name']}: {row['seconds']:.1f} s", *sizes]))
        document = with_runs(document, [row])
        # An hour's work is not lost over its last command.
        if path is not None:
            write_json(path, document)


def _lines(part: "Part") -> list[str]:
    header = f"  {'':<32} {'median':>8} {'least':>8} {'most':>8} {'ratio':>7}  memory taken"
    lines = [part.title, *([header] if part.ways else [])]
    for name, timing in part.ways.items():
        peak = "" if timing.peak_bytes is None else human_size(timing.peak_bytes)
        lines.append(
            f"  {name:<32} {timing.median:>6.2f} s {min(timing.seconds):>6.2f} s "
            f"{max(timing.seconds):>6.2f} s {_ratio(part.ratio(name)):>7}  {peak}".rstrip()
        )
    notes = [*part.notes, *([part.disagreement] if part.disagreement else [])]
    return [*lines, *(f"  {note}" for note in notes)]


def _ratio(ratio: float | None) -> str:
    return "" if ratio is None else f"{ratio:.2f}x"
