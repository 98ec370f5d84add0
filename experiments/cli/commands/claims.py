"""``headclaims claims``: the registry, what the stored evidence says, and how to judge a claim."""

import os
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from textwrap import wrap
from typing import Any

import click

from ablation.errors import InvalidInput
from experiments.claims import CLAIMS
from experiments.judging.claim import DETAILS_ONLY, Claim, Scale, Tier

_LONGEST_NOTE = 5_000
"""Characters; ours are a line or two, but the file may be anybody's."""


@click.command("claims")
@click.argument("ids", nargs=-1, metavar="[ID]…")
@click.option(
    "--evidence",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    multiple=True,
    help="A file that pytest --claims-json wrote; default: the stored evidence of this checkout.",
)
@click.option("--run", is_flag=True, help="Print the command that judges the claims, instead.")
def claims_command(ids: tuple[str, ...], evidence: tuple[Path, ...], run: bool) -> None:
    """List the claims, or show some with their criteria and evidence.

    \b
    headclaims claims              every claim with its last verdicts
    headclaims claims A1 B4        criteria, measured figures with intervals, verdicts
    headclaims claims A1 B4 --run  the pytest command that judges them
    """
    ids = tuple(name.upper() for name in ids)
    unknown = [name for name in ids if name not in CLAIMS]
    if unknown:
        raise InvalidInput(f"unknown claim {', '.join(unknown)}: it must be one of {_known()}")
    from experiments.judging.stored_evidence import CHECKOUT, read_evidence, stored_files

    if run:
        click.echo(pytest_command(ids, CHECKOUT))
        return
    found = read_evidence(evidence or stored_files())
    chosen = [CLAIMS[name] for name in ids] or list(CLAIMS.values())
    for claim in chosen:
        rows = [row for row in found if row["id"] == claim.id]
        for line in _details(claim, rows) if ids else _entry(claim, rows):
            click.echo(line)


def pytest_command(ids: Sequence[str], checkout: Path) -> str:
    """What judges these claims, from the folder that is the working one.

    Raises:
        InvalidInput: no claim is named, or this is not a checkout, which has the cases.
    """
    if not ids:
        raise InvalidInput(f"--run needs the id of a claim: give one or more of {_known()}")
    if not (checkout / "conftest.py").is_file():
        raise InvalidInput(
            "claims are judged by the cases of a checkout, and this installation is none: clone "
            "the repository and install it with pip install -e"
        )
    here, checkout = Path.cwd(), checkout.resolve()
    path = [] if here == checkout else [os.path.relpath(checkout, here)]
    # Without a model there is nothing that workers could share.
    published_only = all(CLAIMS[name].tiers == (Tier.PUBLISHED,) for name in ids)
    workers = [] if published_only else ["-n", "4"]
    return shlex.join(["pytest", *path, "-k", " or ".join(dict.fromkeys(ids)), *workers])


def _entry(claim: Claim, rows: list[dict[str, Any]]) -> Iterator[str]:
    star = "*" if claim.primary else " "
    yield f"{claim.id}{star} {claim.statement} [published: {claim.published}]"
    for row in rows:
        yield f"      {_judged(row)}"


def _details(claim: Claim, rows: list[dict[str, Any]]) -> Iterator[str]:
    primary = ", the study's primary claim" if claim.primary else ""
    yield f"{claim.id}  {claim.statement}"
    yield f"    source     {claim.source} (study {claim.study}{primary})"
    yield f"    published  {claim.published}"
    yield f"    ablation   {claim.ablation or 'none: a claim about figures'}"
    yield f"    tiers      {', '.join(claim.tiers)}"
    yield "    criteria"
    for part, criterion in claim.criteria.items():
        name = f"{part}: " if part else ""
        yield f"      {name}{criterion.metric} {criterion.requirement_in_full}"
    if not rows:
        yield "    evidence   none stored"
    for row in rows:
        yield f"    evidence   {_judged(row)}"
        for part in row["parts"]:
            yield from _part(part)


def _judged(row: dict[str, Any]) -> str:
    """On what a claim was judged, with which options of the run, and how."""
    on = " ".join((row["model"], *row["options"]))
    return f"{row['tier']}, {on}: {row['verdict'] or DETAILS_ONLY}"


def _part(part: dict[str, Any]) -> Iterator[str]:
    name = f"{part['part']}: " if part["part"] else ""
    if "blocked" in part:
        yield f"      {name}{part['verdict']}: {part['blocked']}"
        return
    show, interval = Scale(part["unit"]).show, part["interval"]
    ends = "no interval" if interval is None else ", ".join(map(show, interval))
    p = "" if part["p"] is None else f", p = {part['p']:.2g}"
    yield (
        f"      {name}{show(part['estimate'])} [{ends}] {part['unit']} "
        f"({part['n']} {part['units']}{p}), published {part['published']}: {part['verdict']}"
    )
    yield from wrap(
        part["note"][:_LONGEST_NOTE], 100, initial_indent=" " * 8, subsequent_indent=" " * 8
    )


def _known() -> str:
    return ", ".join(CLAIMS)
