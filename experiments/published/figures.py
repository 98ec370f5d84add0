"""The figures of the published tier: the study's curve as told and as filed; three methods."""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from ablation.stats.mean import mean_interval
from experiments.machine.files.drawing import new_figure, save_figure
from experiments.published.sources.llama3 import (
    KINDS,
    METHODS,
    RANDOM,
    STUDY_METHOD,
    TOP,
    Study,
    drops,
)

CURVE_STEM, METHODS_STEM = "table_against_files", "three_methods"

NAMES = {TOP: "top heads", RANDOM: "random heads"}
COLOURS = {TOP: "#b2182b", RANDOM: "#2166ac"}
MARKERS = {TOP: "o", RANDOM: "s"}
METHOD_LINES = {
    "qrhead": ("QRHead", "#b2182b", "o", "-"),
    "wu24": ("Wu24", "#4393c3", "^", "--"),
    "summed attention": ("summed attention", "#053061", "D", "-."),
}
"""Label, colour, marker and line; told apart without colour, too."""

TABLE_OFFSET = 0.6
"""Heads by which the two readings of a level stand apart, so that their bars do not overlap."""


def draw_all(study: Study, folder: Path) -> list[Path]:
    """Draws both figures into ``folder``.

    Raises:
        OSError: a file cannot be written.
    """
    return [*draw_table_against_files(study, folder), *draw_methods(study, folder)]


def draw_table_against_files(study: Study, folder: Path) -> list[Path]:
    """Accuracy lost against heads ablated: rows of the table, and means of the 32 cells."""
    figure = new_figure(7.2, 4.4)
    panel = figure.subplots()
    levels = np.array(study.levels)
    for kind in KINDS:
        panel.plot(
            levels - TABLE_OFFSET,
            [100 * study.table[kind][level] for level in study.levels],
            color=COLOURS[kind],
            marker=MARKERS[kind],
            markerfacecolor="white",
            linestyle="--",
            label=f"{NAMES[kind]}, table",
        )
        _plot_files(
            panel,
            study,
            STUDY_METHOD,
            kind,
            offset=TABLE_OFFSET,
            color=COLOURS[kind],
            marker=MARKERS[kind],
            label=f"{NAMES[kind]}, mean of 32 files",
        )
    _finish(panel, study, "QRHead on Llama-3-8B: the table is not the files' mean", columns=2)
    return save_figure(figure, folder, CURVE_STEM)


def draw_methods(study: Study, folder: Path) -> list[Path]:
    """Accuracy lost against heads ablated, for the top heads of each detection method."""
    figure = new_figure(7.2, 4.4)
    panel = figure.subplots()
    for offset, method in zip((-TABLE_OFFSET, 0, TABLE_OFFSET), METHODS, strict=True):
        label, colour, marker, line = METHOD_LINES[method]
        _plot_files(
            panel,
            study,
            method,
            TOP,
            offset=offset,
            color=colour,
            marker=marker,
            linestyle=line,
            label=label,
        )
    _finish(panel, study, "Top heads of three methods on Llama-3-8B, means of 32 cells", columns=3)
    return save_figure(figure, folder, METHODS_STEM)


def _plot_files(
    panel: Axes, study: Study, method: str, kind: str, *, offset: float, **style: str
) -> None:
    values = [100 * drops(study.cells[method], kind, level) for level in study.levels]
    means = np.array([found.mean() for found in values])
    intervals = np.array([mean_interval(found) for found in values])
    panel.errorbar(
        np.array(study.levels) + offset,
        means,
        yerr=np.abs(intervals.T - means),
        capsize=3,
        elinewidth=1,
        **style,  # type: ignore[arg-type]
    )


def _finish(panel: Axes, study: Study, title: str, columns: int) -> None:
    panel.axhline(0, color="0.35", linewidth=1, linestyle=":")
    panel.set_xlabel(
        "heads ablated\n(bars: 95% bootstrap interval over cells, which share filings)",
        fontsize="small",
    )
    panel.set_ylabel("accuracy lost, points")
    panel.set_title(title, fontsize="medium")
    panel.set_xticks(study.levels)
    panel.spines[["top", "right"]].set_visible(False)
    handles, labels = panel.get_legend_handles_labels()
    # Not within: where the picture is narrow it would lie on curves.
    style = {"frameon": False, "fontsize": "small", "handlelength": 3.5, "ncols": columns}
    panel.figure.legend(handles, labels, loc="outside upper center", **style)
