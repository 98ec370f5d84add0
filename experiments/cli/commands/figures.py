"""``headclaims figures``: the pictures of whole studies, as files for a paper."""

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import click

from ablation.errors import ResultsError
from experiments.cli.chosen_evidence import evidence_options, source_of

STUDIES = ("qrhead", "methods", "exp10", "published")
"""As ``experiments.pages.figures`` has them; not imported, as it takes its time."""

PAPER, SCREEN = "paper", "screen"


@click.command("figures")
@click.argument("studies", nargs=-1, type=click.Choice(STUDIES))
@click.option(
    "--style",
    type=click.Choice((PAPER, SCREEN)),
    default=PAPER,
    help="paper: one or two columns wide (89 or 183 mm), letters of 7 points.",
)
@evidence_options
@click.option(
    "-o", "--out", type=click.Path(path_type=Path), default=Path("figures"), help="The folder."
)
def figures_command(studies: tuple[str, ...], style: str, out: Path, **options: Any) -> None:
    """Draw all pictures of STUDIES (default: all) as PDF, SVG and PNG, with their captions.

    Nothing is computed: what they show must be stored. A PDF has its fonts embedded, an SVG its
    text as text; the same results give the same bytes. Each caption is a text file beside them.

    \b
    headclaims figures qrhead exp10 --bundle baselines/evidence/smollm2.zip
    headclaims figures published
    """
    from experiments.machine.files.drawing import paper_style
    from experiments.machine.files.json_files import check_writable
    from experiments.pages.figures import PUBLISHED, drawn

    check_writable(out)
    chosen = list(dict.fromkeys(studies)) or list(STUDIES)
    source = source_of(options) if set(chosen) != {PUBLISHED} else None
    lacking = []
    with paper_style() if style == PAPER else nullcontext():
        for study in chosen:
            try:
                pictures = drawn(study, source, out)
            except ResultsError as error:
                lacking.append(str(error))
                continue
            for picture in pictures:
                kinds = ", ".join(path.suffix for path in picture.paths)
                click.echo(f"{picture.paths[0].with_suffix('')}: {kinds}, .txt")
    if lacking:
        raise ResultsError("; ".join(lacking))
