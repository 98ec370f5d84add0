"""``headclaims report``: one HTML file in which a reader looks into claims and what is behind."""

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ablation.errors import InvalidInput
from experiments.cli.chosen_evidence import evidence_options, made_with, source_of, spec_of

if TYPE_CHECKING:
    from experiments.pages.report.claims import Run
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

    It computes nothing: what the store or the bundle lacks is named in it. It needs no network and
    no server, and opens from disk.

    \b
    headclaims report --bundle baselines/evidence/smollm2.zip
    pytest -k qrhead -n 4 --report report.html   the report of a run, with its verdicts
    """
    from experiments.machine.files.json_files import check_file_writable
    from experiments.pages.report.claims import read_runs
    from experiments.pages.report.gathered import gathered
    from experiments.pages.report.page import write_page
    from experiments.pages.report.report import report_page

    check_file_writable(out, "--out")
    spec, bundle = spec_of(options), options["bundle"]
    runs = read_runs(claims) if claims else _stored_runs(spec.key, made_with(bundle))
    source = source_of(options)
    evidence = gathered(source)
    where = str(source.root) if bundle is None else str(bundle.path)
    if not evidence.cells and not evidence.sweeps and not claims:
        first = evidence.lacking[0] if evidence.lacking else "it is empty"
        raise InvalidInput(
            f"{where} holds no evidence on model {spec.key} with these options ({first}): give the "
            "store, bundle, model and options of the run"
        )
    command = shlex.join(["headclaims", *sys.argv[1:]])
    of = [where, *map(str, claims)]
    differing = None if since is None else _since(since)
    write_page(out, report_page(runs, spec.key, evidence, command, of, differing))
    for line in evidence.lacking:
        click.echo(f"not in the report: {line}", err=True)
    click.echo(f"{out}: {out.stat().st_size / 1e6:.1f} MB, {_told(runs, evidence)}")


def _since(commit: str) -> "Differing":
    """Raises InvalidInput: there is no such commit."""
    from experiments.judging.baselines.changed import changed_baselines
    from experiments.judging.stored_evidence import CHECKOUT
    from experiments.pages.report.report import Differing

    changed = changed_baselines(CHECKOUT, commit)
    return Differing(f"at {commit}", changed.rows, changed.verdicts)


def _told(runs: "Sequence[Run]", evidence: Any) -> str:
    claims = {claim["id"] for run in runs for claim in run.claims}
    items = sum(cell["items"] for cell in evidence.cells)
    return (
        f"{len(claims)} claims, {items} items in {len(evidence.cells)} cells, "
        f"{len(evidence.sweeps)} sweeps"
    )


def _stored_runs(model: str, options: Sequence[str]) -> "list[Run]":
    """The checkout's evidence on a model from a run with such options; and the published."""
    from experiments.judging.claim import Tier
    from experiments.judging.stored_evidence import stored_files
    from experiments.pages.report.claims import read_runs

    wanted = {word for word in options if not word.startswith("--model=")}
    runs = [run for path in stored_files() for run in read_runs([path])]
    return [
        run
        for run in runs
        if all(claim["tier"] == Tier.PUBLISHED for claim in run.claims)
        or any(claim["model"] == model and {*claim["options"]} == wanted for claim in run.claims)
    ]
