"""``headclaims results``: what has been computed and kept, and how to check and tidy it."""

import json
from pathlib import Path

import click

from experiments.cli.commands.upkeep.bundles import export_command, import_command
from experiments.cli.options import human_size
from experiments.store import listing
from experiments.store.opening import STORE_HELP, store_root

STORE = click.option("--store", help=STORE_HELP)
DAY = 86_400


@click.group("results")
def results_group() -> None:
    """List, show, verify, prune, export and import the results that runs have stored."""


results_group.add_command(export_command)
results_group.add_command(import_command)


@results_group.command("list")
@STORE
@click.option("--kind", help="Only results of this kind: answers, perplexity, ranking, …")
def list_command(store: str | None, kind: str | None) -> None:
    """Show every result with its size, its age and what it is of."""
    root = store_root(store)
    click.echo(f"store: {root}")
    count = total = 0
    for entry in listing.entries(root):
        if kind is not None and entry.kind != kind:
            continue
        count, total = count + 1, total + entry.size
        click.echo(
            f"{entry.digest[:12]}  {entry.kind:<11} {human_size(entry.size):>9}  "
            f"{_human_age(entry.age):>6}  {entry.about}"
        )
    click.echo(f"{count} results, {human_size(total)}")


@results_group.command("show")
@click.argument("digest")
@STORE
def show_command(digest: str, store: str | None) -> None:
    """Print a result: what it is of, what it is, how it came about (JSON).

    DIGEST is the beginning of its name in the list.
    """
    document = listing.find_document(store_root(store), digest)
    body = {
        "kind": document.unit.kind,
        "key": document.unit.key,
        "provenance": document.provenance,
        "result": document.result,
    }
    click.echo(json.dumps(body, indent=1, ensure_ascii=False))


@results_group.command("verify")
@STORE
def verify_command(store: str | None) -> None:
    """Read every result and check that it is what was stored; exit 1 if one is not."""
    root = store_root(store)
    count, bad = 0, 0
    for path, problem in listing.problems(root):
        count += 1
        if problem is not None:
            bad += 1
            click.echo(f"BAD  {path}: {problem}", err=True)
    click.echo(f"{count - bad} of {count} results in {root} are what was stored")
    if bad:
        raise click.exceptions.Exit(1)


@results_group.command("prune")
@STORE
@click.option(
    "--older-than", type=click.FloatRange(min=0), help="Also results stored before so many days."
)
@click.option("--kind", help="With --older-than: only results of this kind.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def prune_command(store: str | None, older_than: float | None, kind: str | None, yes: bool) -> None:
    """Remove what no run needs: damaged results and what killed runs left behind."""
    root = store_root(store)
    chosen: list[Path] = []
    if kind is not None and older_than is None:
        raise click.UsageError("--kind needs --older-than DAYS; 0 is all of them")
    if older_than is not None:
        chosen = [
            entry.path
            for entry in listing.entries(root)
            if entry.age >= older_than * DAY and kind in (None, entry.kind)
        ]
        if chosen and not yes:
            click.confirm(f"Remove {len(chosen)} results from {root}?", abort=True)
    rest = list(listing.leftovers(root))
    freed = sum(listing.remove(path) for path in (*chosen, *rest))
    click.echo(
        f"{len(chosen)} results and {len(rest)} leftovers removed, {human_size(freed)} freed"
    )


def _human_age(seconds: float) -> str:
    for size, unit in ((DAY, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
