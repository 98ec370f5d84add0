"""Figures as files: drawn off screen, written whole, the same bytes for the same result."""

import os
from pathlib import Path

import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of ``width`` × ``height`` inches; no window and no global state."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def figure_paths(folder: Path, stem: str) -> list[Path]:
    """The files of a figure."""
    return [folder / f"{stem}.{kind}" for kind in ("png", "svg")]


def save_figure(figure: Figure, folder: Path, stem: str) -> list[Path]:
    """Writes ``folder``/``stem``.png and .svg, each whole or not at all; makes the folder.

    Raises:
        OSError: a file cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = figure_paths(folder, stem)
    for path in paths:
        # No date and no random ids in the file: drawing the same result again changes nothing.
        metadata = {"Date": None} if path.suffix == ".svg" else None
        temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        try:
            with matplotlib.rc_context({"svg.hashsalt": stem}):
                figure.savefig(temporary, format=path.suffix[1:], dpi=150, metadata=metadata)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    return paths
