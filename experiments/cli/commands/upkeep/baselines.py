"""``headclaims baselines``: what a maintainer reviews before committing new figures."""

import click

from experiments.judging.baselines.changed import HEAD, changed_baselines
from experiments.judging.shown import aligned
from experiments.judging.stored_evidence import CHECKOUT


@click.group("baselines")
def baselines_group() -> None:
    """Review stored figures, after pytest has rewritten some."""


@baselines_group.command("diff")
@click.argument("revision", default="HEAD")
def diff_command(revision: str) -> None:
    """Show which figures and verdicts of baselines/ are not those of a commit.

    \b
    A maintainer who updates figures does
      pytest -k qrhead -n 4 --regen-all
      headclaims baselines diff
      git commit baselines
    """
    changed = changed_baselines(CHECKOUT, revision)
    if changed.rows:
        for line in aligned([HEAD, *changed.rows]):
            click.echo(line)
    for line in changed.verdicts:
        click.echo(f"VERDICT MOVED: {line}")
    if not (changed.rows or changed.verdicts):
        click.echo(f"no figure of baselines/ differs from {revision}")
