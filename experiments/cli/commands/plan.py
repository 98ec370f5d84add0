"""``headclaims plan``: how many filings a claim takes, and how long that is here."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import click

from ablation.errors import InvalidInput
from ablation.filings.filing import QUESTIONS
from ablation.models.registry import EMBEDDED_MODEL
from ablation.stats.interval import Interval
from experiments.claims import CLAIMS
from experiments.store.opening import STORE_HELP, store_root

if TYPE_CHECKING:
    from experiments.judging.planning import Needed


@click.command("plan")
@click.argument("claim", metavar="ID")
@click.option("--power", default=0.9, help="Share of such studies that are to succeed.")
@click.option("--model", default=EMBEDDED_MODEL, help="Whose evidence the spread is taken from.")
@click.option(
    "--evidence",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A file that pytest --claims-json wrote; default: the stored evidence of this checkout.",
)
@click.option("--draws", type=click.IntRange(1), default=20, help="Whole control draws.")
@click.option("--store", help=STORE_HELP)
def plan_command(
    claim: str, power: float, model: str, evidence: Path | None, draws: int, store: str | None
) -> None:
    """Say how many filings claim ID takes where its effect is as published.

    The spread between companies is that of stored evidence; the time is that of the answers that
    lie in the store of this machine.
    """
    claim = claim.upper()
    if claim not in CLAIMS:
        raise InvalidInput(f"unknown claim {claim}: it must be one of {', '.join(CLAIMS)}")
    from experiments.cells.gap import ENOUGH_DRAWS

    if 1 < draws < ENOUGH_DRAWS:
        raise InvalidInput(
            f"--draws {draws} says nothing about the rank among draws: give 1, for a control set "
            f"of its own for each item, or at least {ENOUGH_DRAWS}"
        )
    rows = _parts(claim, model, evidence)
    found = {row["part"] or claim: _needed(claim, row, power) for row in rows}
    click.echo(f"{claim}, {model}, power {power:g}: filings a question, if it is as published")
    for name, one in found.items():
        click.echo(f"  {name:>8}  {one.to_show:>5} to show it, {one.to_tell:>5} to tell its size")
    most = max(one.to_tell for one in found.values())
    conditions = 1 + len(rows) * (1 + draws)
    answers = most * conditions * len(QUESTIONS)
    kind = "a control set an item" if draws == 1 else f"{draws} whole control draws"
    click.echo(
        f"all of it: {most} filings, {len(QUESTIONS)} questions, {conditions} conditions "
        f"({kind}): {answers:,} answers"
    )
    click.echo(_time(answers, store))


def _parts(claim: str, model: str, evidence: Path | None) -> Sequence[dict[str, Any]]:
    from experiments.judging.stored_evidence import read_evidence, stored_files

    found = read_evidence([evidence] if evidence else stored_files())
    for row in sorted(found, key=lambda row: len(row["options"])):  # a default run's first
        if (row["id"], row["model"]) == (claim, model):
            parts = [part for part in row["parts"] if part.get("interval")]
            if parts:
                return parts
    raise InvalidInput(
        f"no evidence with an interval on {claim} for {model}: judge it first, with pytest "
        f"--claims-json FILE -k {claim} --model {model}, and give --evidence FILE"
    )


def _needed(claim: str, part: dict[str, Any], power: float) -> "Needed":
    from experiments.judging.planning import needed, spread_of

    spread = spread_of(Interval(*part["interval"]), part["n"])
    return needed(CLAIMS[claim].criterion(part["part"]), spread, power)


def _time(answers: int, store: str | None) -> str:
    seconds = list(_seconds(store_root(store)))
    if not seconds:
        return "how long that takes here is not known: no answer lies in the store"
    each = median(seconds)
    hours = answers * each / 3600
    return (
        f"{each:.2g} s an answer, the median of {len(seconds)} in the store: {hours:.1f} h of one "
        "process"
    )


def _seconds(root: Path) -> Iterator[float]:
    from experiments.store.listing import stored_documents

    for document in stored_documents(root):
        taken = document.provenance.get("seconds")
        if document.unit.kind == "answer" and isinstance(taken, int | float):
            yield float(taken)
