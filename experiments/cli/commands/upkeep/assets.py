"""``headclaims assets``: what the cache holds, and how to fill, check and empty it."""

import click

from ablation.assets import embedded
from ablation.assets.store import CACHE_VARIABLE, cache_folder
from ablation.errors import AssetError
from experiments.cli.options import human_size


@click.group("assets")
def assets_group() -> None:
    """Fetch, verify and remove the embedded model and text."""


@assets_group.command("list")
def list_command() -> None:
    """Show every asset, whether it is cached, its size and its path."""
    click.echo(f"cache: {cache_folder()} (set {CACHE_VARIABLE} to move it)")
    for item in embedded.status():
        size = human_size(item.size) if item.is_present else "not cached"
        click.echo(f"{item.key:<17} {size:>10}  {item.licence:<13} {item.description}")
        if item.is_present:
            click.echo(f"{'':<17} {'':>10}  {item.path}")


@assets_group.command()
@click.argument("keys", nargs=-1)
def fetch(keys: tuple[str, ...]) -> None:
    """Fetch or make KEYS (all by default), unless they are cached already."""
    for key in known(keys):
        path = embedded.cached(key)
        size = next(item.size for item in embedded.status() if item.key == key)
        click.echo(f"{key:<17} {human_size(size):>10}  {path}")


@assets_group.command()
@click.argument("keys", nargs=-1)
def verify(keys: tuple[str, ...]) -> None:
    """Hash KEYS again (by default whatever is cached); exit 1 if one is missing or damaged."""
    chosen = known(keys) if keys else [item.key for item in embedded.status() if item.is_present]
    if not chosen:
        click.echo(
            f"nothing is cached in {cache_folder()}; run `headclaims assets fetch`", err=True
        )
    bad = not chosen
    for key in chosen:
        try:
            embedded.verify(key)
        except AssetError as error:
            bad = True
            click.echo(f"{key:<17} BAD  {error}", err=True)
        else:
            click.echo(f"{key:<17} ok")
    if bad:
        raise click.exceptions.Exit(1)


@assets_group.command()
@click.argument("keys", nargs=-1)
@click.option("--yes", is_flag=True, help="Do not ask.")
def remove(keys: tuple[str, ...], yes: bool) -> None:
    """Remove KEYS (all by default) from the cache, old versions included."""
    chosen = known(keys)
    size = sum(item.size for item in embedded.status() if item.key in chosen)
    if not yes:
        question = f"Remove {', '.join(chosen)} ({human_size(size)}) from {cache_folder()}?"
        click.confirm(question, abort=True)
    for key in chosen:
        click.echo(f"{key:<17} {human_size(embedded.remove(key)):>10}  freed")


def known(keys: tuple[str, ...]) -> list[str]:
    """Returns the keys, all for none given; a wrong one is an error before anything is done.

    Raises:
        InvalidInput: there is no such asset.
    """
    for key in keys:
        embedded.find(key)
    return list(dict.fromkeys(keys)) or list(embedded.ASSETS)
