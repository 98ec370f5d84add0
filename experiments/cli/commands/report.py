"""``headclaims report``: one HTML file in which a reader looks into claims and what is behind."""

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ablation.errors import HeadclaimsError, InvalidInput
from experiments.cli.chosen_evidence import evidence_options, source_of, spec_of
from experiments.judging.run_options import beyond_device, changed_options

if TYPE_CHECKING:
    from experiments.pages.report.claims import Run
    from experiments.pages.report.gathered import Evidence
    from experiments.pages.report.report import Differing


@click.command("report")
@evidence_options
@click.option(
    "--claims-json",
    "claims",
    type=click.Path(path_type=Path),
    multiple=True,
    help="Claims that pytest --claims-json wrote; several times for runs side by side. Default: "
    "the checkout's own, as far as they are of this model and these options.",
)
@click.option(
    "--since",
    metavar="COMMIT",
    help="Show beside the claims which stored figures and verdicts are not those of this commit.",
)
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("report.html"),
    help="The file.",
)
def report_command(claims: tuple[Path, ...], since: str | None, out: Path, **options: Any) -> None:
    """Write one HTML file: claims, answers, heads, sweeps, and how they came about.

    It computes nothing: what the store or the bundle lacks is named in it. The page loads nothing
    from anywhere and opens from disk.

    \b
    headclaims report --bundle baselines/evidence/smollm2.zip
    pytest -k qrhead -n 4 --report=report.html   the report of a run, with its verdicts
    """
    from experiments.machine.files.json_files import check_file_writable
    from experiments.pages.report.claims import read_runs
    from experiments.pages.report.page import write_page
    from experiments.pages.report.report import report_page

    if not out.parent.is_dir():
        raise InvalidInput(f"--out {out}: there is no folder {out.parent}: make it first")
    check_file_writable(out, "--out")
    spec = spec_of(options)
    runs = read_runs(claims) if claims else _stored_runs(spec.key, {*changed_options(options)})
    where, evidence = _evidence(options, needed=not claims)
    if not evidence.cells and not evidence.sweeps and not claims:
        first = evidence.lacking[0] if evidence.lacking else "it is empty"
        raise InvalidInput(
            f"{where} holds no evidence on model {spec.key} with these options ({first}): give the "
            "store, bundle, model and options of the run"
        )
    command = shlex.join(["headclaims", *sys.argv[1:]])
    of = [where, *map(str, claims)]
    differing = None if since is None else _since(since)
    behind = {run.name for run in runs if _is_of(run, spec.key, {*changed_options(options)})}
    write_page(out, report_page(runs, spec.key, evidence, command, of, differing, behind))
    for line in evidence.lacking:
        click.echo(f"not in the report: {line}", err=True)
    click.echo(f"{out}: {out.stat().st_size / 1e6:.1f} MB, {_told(runs, evidence)}")


def _evidence(options: dict[str, Any], *, needed: bool) -> "tuple[str, Evidence]":
    """Where the evidence is, and all of it; where it is not ``needed``, why there is none.

    Raises:
        HeadclaimsError: it is needed and not to be had.
    """
    from experiments.pages.report.gathered import Evidence, gathered

    try:
        source = source_of(options)
        places = [source.root, source.bundle and source.bundle.path]
        return " and ".join(str(place) for place in places if place), gathered(source)
    except HeadclaimsError as error:
        if needed:
            raise
        return "none", Evidence(lacking=[str(error)])


def _since(commit: str) -> "Differing":
    """Raises InvalidInput: there is no such commit."""
    from experiments.judging.baselines.changed import changed_baselines
    from experiments.judging.stored_evidence import CHECKOUT
    from experiments.pages.report.report import Differing

    changed = changed_baselines(CHECKOUT, commit)
    return Differing(f"was stored at {commit}", changed.rows, changed.verdicts)


def _told(runs: "Sequence[Run]", evidence: Any) -> str:
    claims = {claim["id"] for run in runs for claim in run.claims}
    items = sum(cell["items"] for cell in evidence.cells)
    return (
        f"{len(claims)} claims, {items} items in {len(evidence.cells)} cells, "
        f"{len(evidence.sweeps)} sweeps"
    )


def _stored_runs(model: str, options: set[str]) -> "list[Run]":
    """The checkout's evidence on a model from a run with such options; and the published."""
    from experiments.judging.claim import Tier
    from experiments.judging.stored_evidence import stored_files
    from experiments.pages.report.claims import read_runs

    runs = [run for path in stored_files() for run in read_runs([path])]
    return [
        run
        for run in runs
        if all(claim["tier"] == Tier.PUBLISHED for claim in run.claims)
        or _is_of(run, model, options)
    ]


def _is_of(run: "Run", model: str, options: set[str]) -> bool:
    """Whether a run judged this model with these options, on whatever device."""
    return any(
        claim["model"] == model and {*beyond_device(claim["options"])} == options
        for claim in run.claims
    )
