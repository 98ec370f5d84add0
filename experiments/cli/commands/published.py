"""``headclaims published``: what the studies' own figures say, without a model."""

from pathlib import Path

import click

from experiments.machine.files.json_files import check_writable, storing


@click.command("published")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("results"),
    help="Folder of the results.",
)
@click.option("--figures/--no-figures", default=True, help="Draw the figures (PDF, SVG and PNG).")
def published_command(out: Path, figures: bool) -> None:
    """Look at the studies' published figures again, without a model.

    Sets the QRHead study's table beside its own result files, says what its one random draw can
    support and how far three detection methods agree, and fits the printed effects of Experiment
    10 again. Figures go to OUT/figures/published. The claims are judged from the same figures by
    pytest -k published.
    """
    from experiments.published import tables
    from experiments.published.sources.gpt2 import experiment_10
    from experiments.published.sources.llama3 import llama3_study

    if figures:
        check_writable(out)
    study = llama3_study()
    sections = (
        tables.table_against_files(study),
        tables.single_draw(study),
        tables.methods_by_level(study),
        tables.overlaps(study),
        tables.fewest_heads_by_length(study),
        tables.effect_fits(experiment_10()),
    )
    for section in sections:
        for line in section:
            click.echo(line)
        click.echo()
    if figures:
        for path in _draw(out / "figures" / "published"):
            click.echo(f"figure: {path}")


def _draw(folder: Path) -> list[Path]:
    from experiments.published.figures import draw_all
    from experiments.published.sources.llama3 import llama3_study

    with storing(folder):
        return draw_all(llama3_study(), folder)
