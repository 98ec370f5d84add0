"""``headclaims calibrate``: how often the rules of judging are wrong, on simulated studies."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click
from tqdm import tqdm

from experiments.claims import CLAIMS
from experiments.files.json_files import check_writable, write_json

INTERVALS, VERDICTS = "intervals", "verdicts"


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
    # Not above: --help does not wait for scipy.
    if what == INTERVALS:
        from experiments.judging.calibration.intervals import coverage

        return coverage(studies)
    from experiments.judging.calibration.verdicts import shares

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
