"""Accuracy against heads ablated, for the heads of several detection methods and their controls."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes

from ablation.detection import GRADIENT, QRHEAD, RANDOM, SUMMED_ATTENTION, WU24
from ablation.detection.controls import LAYER_MATCHED, SHARED
from experiments.machine.files.drawing import new_figure, save_figure

LINES = {
    QRHEAD: ("QRHead", "#b2182b", "o", "-"),
    WU24: ("Wu24", "#4393c3", "^", "--"),
    SUMMED_ATTENTION: ("summed attention", "#053061", "D", "-."),
    GRADIENT: ("gradient", "#d67700", "v", (0, (5, 1))),
    RANDOM: ("random ranking", "0.55", "s", ":"),
    SHARED: ("control of all: top heads of none", "black", "x", (0, (1, 1))),
}
"""Label, colour, marker and line; told apart without colour, too."""

TOP = "top"

Row = Mapping[str, Any]


def draw_methods(document: Mapping[str, Any], folder: Path, stem: str) -> list[Path]:
    """Draws the top heads of every method, and beside them their layer-matched controls.

    Cells are pooled. Bars are 95% bootstrap intervals over companies; of several control draws the
    mean is shown. A curve ends where the method has found no more heads.

    Args:
        document: of ``headclaims compare methods``.
        folder: where the figure goes.
        stem: its name there.

    Raises:
        OSError: a file cannot be written.
    """
    figure = new_figure(9.6, 4.4)
    top, control = figure.subplots(1, 2, sharey=True)
    unablated = document["unablated"]["estimate"]
    rows = document["ablations"]
    methods = list(dict.fromkeys(row["method"] for row in rows))
    for panel in (top, control):
        panel.axhline(unablated, color="0.35", linewidth=1, linestyle=":", label="unablated")
    for place, method in enumerate(methods):
        offset = 0.35 * (place - (len(methods) - 1) / 2)
        of_method = [row for row in rows if row["method"] == method]
        _draw(top, method, unablated, of_method, TOP, offset)
        if method != RANDOM:
            _draw(control, method, unablated, of_method, LAYER_MATCHED, offset)
    # The same in the rows of every method; one that found few heads has it at few levels.
    shared = {row["num_heads"]: row for row in rows if SHARED in row}
    if shared:
        in_order = [shared[level] for level in sorted(shared)]
        for panel in (control, top):
            _draw(panel, SHARED, unablated, in_order, SHARED, 0.0)
    top.set_title("top heads of each method")
    control.set_title("as many random heads of the same layers")
    top.set_ylabel("accuracy")
    for panel in (top, control):
        panel.set(xlabel="heads ablated", ylim=(-0.03, 1.03))
        panel.set_xticks([0, *sorted({row["num_heads"] for row in rows})])
        panel.spines[["top", "right"]].set_visible(False)
    handles, labels = top.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=4, frameon=False)
    return save_figure(figure, folder, stem)


def _draw(
    panel: Axes, name: str, unablated: float, rows: Iterable[Row], kind: str, offset: float
) -> None:
    """One curve: the accuracies of one kind of heads, from the unablated one on."""
    label, colour, marker, line = LINES[name]
    rows = list(rows)
    points = [row[kind] for row in rows]
    estimates = [point["estimate"] for point in points]
    ends = [point["interval"] or [point["estimate"]] * 2 for point in points]
    panel.errorbar(
        [0, *(row["num_heads"] + offset for row in rows)],
        [unablated, *estimates],
        yerr=[
            [0.0, *(max(0.0, y - low) for y, (low, _) in zip(estimates, ends, strict=True))],
            [0.0, *(max(0.0, high - y) for y, (_, high) in zip(estimates, ends, strict=True))],
        ],
        color=colour,
        marker=marker,
        markersize=4,
        linestyle=line,
        elinewidth=0.8,
        label=label,
    )
