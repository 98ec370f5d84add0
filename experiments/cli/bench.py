"""``headclaims bench``: how long our engine takes, beside the loops in use."""

import platform
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ablation.errors import ComputationError
from ablation.models.registry import EMBEDDED_MODEL, model_spec
from experiments.cli.options import MODEL_HELP, human_size
from experiments.json_files import check_writable, write_json

if TYPE_CHECKING:
    from experiments.bench.benchmark import Part

PACKAGES = ("torch", "transformers")


@click.command("bench")
@click.option("--model", default=EMBEDDED_MODEL, help=MODEL_HELP)
@click.option("--text", help="Text of the sweep: embedded, wikitext2 or a file.")
@click.option(
    "--quick", is_flag=True, help="One round of small sizes: does it run, do values agree?"
)
@click.option("--json", "path", type=click.Path(path_type=Path), help="Write all figures there.")
def bench_command(model: str, text: str | None, quick: bool, path: Path | None) -> None:
    """Measure sweeps, answers, detection and start-up beside the loops in use.

    In one process, on the same model, inputs and threads, interleaved: medians of several rounds,
    with the least and the most. Values are compared in the same run, and a difference beyond
    rounding is an error; times are reported, whatever they are. Ten minutes on 2 cores, or one
    with --quick; the TransformerBridge loop needs pip install -e '.[test]'.
    """
    spec = model_spec(model)
    if path is not None:
        check_writable(path.parent)
    from ablation.assets.text import read_text
    from experiments.bench.benchmark import QUICK, Size, benchmark

    source = read_text(spec.text if text is None else text)

    machine = _machine()
    click.echo(", ".join(f"{key} {value}" for key, value in machine.items()))
    parts = []
    for part in benchmark(spec, source, QUICK if quick else Size()):
        parts.append(part)
        click.echo()
        for line in _lines(part):
            click.echo(line)
    if path is not None:
        write_json(
            path,
            {"model": spec.key, "machine": machine, "parts": [part.document() for part in parts]},
        )
    apart = [part for part in parts if not part.agrees]
    if apart:
        raise ComputationError(
            "values must agree, and do not: "
            + "; ".join(f"{part.title.split(':')[0]}: {part.disagreement}" for part in apart)
        )


def _machine() -> dict[str, Any]:
    import torch

    return {
        "processor": _processor(),
        "threads": torch.get_num_threads(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "python": platform.python_version(),
        **{package: version(package) for package in PACKAGES},
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _lines(part: "Part") -> list[str]:
    header = f"  {'':<32} {'median':>8} {'least':>8} {'most':>8} {'ratio':>7}  memory taken"
    lines = [part.title, header]
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
