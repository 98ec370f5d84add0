"""Figures as files: drawn off screen, written whole, the same bytes for the same result.

PDF with its fonts embedded, SVG with its text as text, and PNG. ``paper_style`` draws at the widths
of a journal's columns, in letters that can be read there.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

KINDS = ("png", "svg", "pdf")

ONE_COLUMN, TWO_COLUMNS = 3.5, 7.2
"""Inches (89 and 183 mm), as most journals have them."""

_WIDEST_OF_ONE_COLUMN = 8.0
"""Inches on a screen, up to which a figure goes into one column."""

_PAPER: dict[str, Any] = {
    "font.size": 7, "axes.titlesize": 7.5, "axes.linewidth": 0.6, "lines.linewidth": 1.0,
    "lines.markersize": 3, "xtick.major.width": 0.6, "ytick.major.width": 0.6,
    "xtick.major.size": 2.5, "ytick.major.size": 2.5, "xtick.minor.size": 1.5,
    "ytick.minor.size": 1.5, "legend.borderaxespad": 0.3, "figure.constrained_layout.h_pad": 0.02,
    "figure.constrained_layout.w_pad": 0.02,
}  # fmt: skip

# Text of an SVG can be searched and edited; a PDF brings its letters along. Nothing is laid out or
# cut but as the figure asks for it.
_FILES: dict[str, Any] = {
    "svg.fonttype": "none", "pdf.fonttype": 42,
    "figure.autolayout": False, "figure.constrained_layout.use": False, "savefig.bbox": None,
}  # fmt: skip

_METADATA: dict[str, dict[str, Any]] = {
    "svg": {"Date": None}, "pdf": {"CreationDate": None, "ModDate": None},
}  # fmt: skip
"""No date and no random ids in a file: drawing the same result again changes nothing."""

_for_paper = ContextVar("for_paper", default=False)


@contextmanager
def paper_style() -> Iterator[None]:
    """Figures made within are of a column's width, or of two."""
    token = _for_paper.set(True)
    try:
        with matplotlib.rc_context(_PAPER):
            yield
    finally:
        _for_paper.reset(token)


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of ``width`` × ``height`` inches; no window and no global state.

    In ``paper_style`` it keeps its proportions, and has twice as many pixels to the inch.
    """
    if _for_paper.get():
        column = ONE_COLUMN if width <= _WIDEST_OF_ONE_COLUMN else TWO_COLUMNS
        width, height = column, height * column / width
    figure = Figure(
        figsize=(width, height), dpi=300 if _for_paper.get() else 150, layout="constrained"
    )
    FigureCanvasAgg(figure)
    return figure


def figure_paths(folder: Path, stem: str) -> list[Path]:
    """The files of a figure."""
    return [folder / f"{stem}.{kind}" for kind in KINDS]


def save_figure(figure: Figure, folder: Path, stem: str) -> list[Path]:
    """Writes ``folder``/``stem``.png, .svg and .pdf, each whole or not at all; makes the folder.

    The figure is laid out for its own dots per inch, and not again.

    Raises:
        OSError: a file cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = figure_paths(folder, stem)
    # Once: for each kind of file it would be done again, and give the same but for a hair.
    figure.draw_without_rendering()
    with matplotlib.rc_context(_FILES):
        figure.set_layout_engine(None)
    for path in paths:
        kind = path.suffix[1:]
        temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        try:
            with matplotlib.rc_context({**_FILES, "svg.hashsalt": stem}):
                figure.savefig(temporary, format=kind, dpi=figure.dpi, metadata=_METADATA.get(kind))
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    return paths
