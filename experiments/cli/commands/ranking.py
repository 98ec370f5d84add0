"""``headclaims ranking``: rankings of heads from elsewhere, and for elsewhere."""

from pathlib import Path

import click

from ablation.detection import RANKING_FORMATS, STUDY
from ablation.errors import InvalidInput, ResultsError
from experiments.machine.files.json_files import read_text, storing, write_text


@click.group("ranking")
def ranking_group() -> None:
    """Convert rankings of heads between the formats of their tools."""


@ranking_group.command("convert")
@click.argument("source", type=click.Path(path_type=Path))
@click.argument("target", type=click.Path(path_type=Path))
@click.option("--format", "form", type=click.Choice(RANKING_FORMATS), default=STUDY)
@click.option("--top", type=click.IntRange(min=1), help="Only so many of the best heads.")
def convert_command(source: Path, target: Path, form: str, top: int | None) -> None:
    """Write the ranking in SOURCE to TARGET in another format.

    \b
    study         {"head_rankings": [{"head": "L14H22", "score": …, "rank": 1}, …]}
    qrhead        14-22,13-16,…                       (QRHead; no scores)
    qrhead-yaml   attn_head_set: 14-22,13-16,…        (its configuration files)
    wu24          {"14-22": [score, …], …}            (retrieval heads, Wu et al. 2024)

    What SOURCE is written in is seen from it. "headclaims ablate --ranking" takes all of them.
    """
    from ablation.detection.ranking_formats import read_entries, write_entries

    try:
        entries = read_entries(read_text(source))
    except (InvalidInput, ResultsError) as error:
        raise InvalidInput(f"ranking file {source}: {error}") from None
    found = [(head, score) for head, score in entries if score != 0]
    if len(found) < (top or 1):
        wanted = "a head" if top is None else f"--top {top} heads"
        raise InvalidInput(
            f"{wanted} with a score other than 0 required, but {source} holds {len(found)}"
        )
    written = entries if top is None else found[:top]
    with storing(target, "TARGET"):
        write_text(target, write_entries(written, form))
    click.echo(f"{len(written)} heads, best {found[0][0]}: {target}")
