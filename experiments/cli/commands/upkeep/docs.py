"""``headclaims docs``: the READMEs' generated blocks and their pictures."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ablation.errors import HeadclaimsError

if TYPE_CHECKING:
    from experiments.pages.readmes.stored import Stored

DOCUMENTS = ("curves", "methods", "modes")
"""What ``experiments.pages.readmes.results`` makes; not imported, as it takes its time."""


@click.command("docs")
@click.option(
    "--check", is_flag=True, help="Write nothing: exit 1 with a line for whatever is stale."
)
@click.option(
    "--documents",
    is_flag=True,
    help="First make the documents anew that come out of the store; what it lacks is computed.",
)
@click.option(
    "--document", "chosen", type=click.Choice(DOCUMENTS), multiple=True, help="Only this one."
)
@click.option("--store", help="Folder of computed results (HEADCLAIMS_STORE).")
@click.option(
    "--root",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="The checkout; default: this one.",
)
def docs_command(
    check: bool, documents: bool, chosen: tuple[str, ...], store: str | None, root: Path | None
) -> None:
    """Rewrite the blocks of figures and the pictures in all READMEs.

    They are made from what is stored in the repository: evidence, baselines, published figures,
    results, benchmarks. A figure that changes there changes here, and is never written by hand.

    \b
    headclaims docs                rewrite all blocks and pictures
    headclaims docs --check        exit 1 if any is stale, or a document or a link is missing
    headclaims docs --documents    before that, take curves, methods and modes out of the store
    """
    if check and (documents or chosen):
        raise click.UsageError("--check writes nothing: give it without --documents")
    from experiments.pages.readmes.pages import stale_pages
    from experiments.pages.readmes.pictures import stale_pictures
    from experiments.pages.readmes.stored import CHECKOUT, Stored

    stored = Stored(root or CHECKOUT)
    if check:
        _report([*stale_pages(stored), *stale_pictures(stored)])
        return
    if documents or chosen:
        _make_documents(stored.root, chosen or DOCUMENTS, store)
        stored = Stored(stored.root)
    _rewrite(stored)


def _rewrite(stored: "Stored") -> None:
    from experiments.machine.files.json_files import storing
    from experiments.pages.readmes.pages import rewrite_pages
    from experiments.pages.readmes.pictures import PICTURES

    with storing(stored.root, "--root"):
        changed, problems = rewrite_pages(stored)
    for name in changed:
        click.echo(f"rewritten: {name}")
    for picture in PICTURES:
        line = picture.stale(stored)
        if line is None:
            continue
        try:
            with storing(stored.root / picture.path, "--root"):
                picture.redraw(stored)
        except HeadclaimsError as error:
            problems.append(f"{picture.path}: {error}")
        else:
            click.echo(f"drawn: {picture.path}")
    _report(problems)


def _make_documents(root: Path, names: Sequence[str], chosen: str | None) -> None:
    from experiments.cli.options import chosen_store
    from experiments.machine.files.json_files import storing, write_json
    from experiments.pages.readmes.results import MAKERS, cells

    store, built = chosen_store(chosen, False), cells()
    for name in names:
        path, make = MAKERS[name]
        document = make(built, store)
        with storing(root / path, "--root"):
            write_json(root / path, document)
        click.echo(f"document: {path}")


def _report(problems: Sequence[str]) -> None:
    for line in problems:
        click.echo(line, err=True)
    if problems:
        raise click.exceptions.Exit(1)


if __name__ == "__main__":  # without the packages that the other commands need
    docs_command()
