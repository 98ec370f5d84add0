"""``headclaims selftest`` and ``calibrate``: the instrument itself, on what is known beforehand."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click
from tqdm import tqdm

from experiments.claims import CLAIMS
from experiments.judging.calibration.intervals import coverage
from experiments.judging.calibration.verdicts import shares
from experiments.machine.files.json_files import check_writable, write_json

INTERVALS, VERDICTS = "intervals", "verdicts"


@click.command("selftest")
def selftest_command() -> None:
    """Check that the suite says yes only when it should, on models whose heads are known.

    Tiny models are planted. In a Llama five heads retrieve, one looks where they do and writes
    nothing, the rest does something else: they are detected and ablated, and A1 is judged, by what
    judges every model; and by ablators that are broken in three ways. In a GPT-2 two heads do one
    work and another writes a constant: B5 and B8 are judged there, and where heads share the work.
    It needs no asset, and takes about a minute. Exit 1 if anything is not as it should be.

    It does not check your model.
    """
    import tempfile
    import uuid

    from experiments.exp10 import instrument as exp10
    from experiments.qrhead import instrument as qrhead
    from experiments.store import Run, Store

    wrong = 0
    with tempfile.TemporaryDirectory(prefix="headclaims-") as folder:
        store = Store(Path(folder) / "store", Run(uuid.uuid4().hex, "headclaims selftest"))
        for check in (c for of in (qrhead, exp10) for c in of.checks(Path(folder), store)):
            wrong += not check.right
            click.echo(f"{'ok   ' if check.right else 'WRONG'}  {check.asked}: {check.found}")
    if wrong:
        raise click.exceptions.Exit(1)


@click.command("calibrate")
@click.argument("what", type=click.Choice([INTERVALS, VERDICTS]))
@click.option(
    "--studies", type=click.IntRange(1), default=1000, help="Simulated studies of each kind."
)
@click.option(
    "--json",
    "path",
    type=click.Path(path_type=Path),
    help="Keep the table there; experiments/judging/calibration has those of the README.",
)
def calibrate_command(what: str, studies: int, path: Path | None) -> None:
    """Simulate studies whose truth is known, and count how often the rules are right.

    \b
    intervals: how often four kinds of 95% intervals hold the true gap
    verdicts:  how often each verdict on A1 is given, with a true gap of 0, a half, one and one and
               a half times the published one

    No model is needed; with 1000 studies a quarter of an hour each.
    """
    if path is not None:
        check_writable(path.parent, "--json")
    rows = []
    for row in tqdm(_rows(what, studies), desc=f"calibrate {what}", unit="kind", disable=None):
        rows.append(row)
        tqdm.write(_line(row))
    if path is not None:
        write_json(path, {"what": what, "studies": studies, "rows": rows})


def _rows(what: str, studies: int) -> Iterator[dict[str, Any]]:
    if what == INTERVALS:
        return coverage(studies)
    return shares(CLAIMS["A1"].criteria, studies)


def _line(row: Mapping[str, Any]) -> str:
    if "coverage" in row:
        shown = ", ".join(f"{name} {100 * share:.1f}%" for name, share in row["coverage"].items())
        effect = f"{row['control']:g} against {row['tested']:g}"
        if row["carried_by"] < 1:
            effect += f", carried by {row['carried_by']:.0%} of filings"
        return f"{row['clusters']} filings, filing effect {row['filing_effect']}, {effect}: {shown}"
    shown = ", ".join(f"{name} {100 * share:.1f}%" for name, share in row["shares"].items())
    return f"{row['design']}, A1 {row['part']}, {row['times']:g} times as published: {shown}"
