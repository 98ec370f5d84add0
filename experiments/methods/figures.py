"""Accuracy against heads ablated, for the heads of several detection methods and their controls."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.axes import Axes

from ablation.controls import LAYER_MATCHED, SHARED
from ablation.detection import GRADIENT, QRHEAD, RANDOM, SUMMED_ATTENTION, WU24
from experiments.cells.outcomes import Answers, CellOutcomes, accuracy, control_answers
from experiments.drawing import new_figure, save_figure
from experiments.methods.comparison import Comparison

LINES = {
    QRHEAD: ("QRHead", "#b2182b", "o", "-"),
    WU24: ("Wu24", "#1b7837", "^", "--"),
    SUMMED_ATTENTION: ("summed attention", "#762a83", "D", "-."),
    GRADIENT: ("gradient", "#e08214", "v", (0, (5, 1))),
    RANDOM: ("random ranking", "#2166ac", "s", ":"),
    SHARED: ("control of all: top heads of none", "0.35", "x", (0, (1, 1))),
}
"""Label, colour, marker and line; told apart without colour, too."""


def draw_methods(comparison: Comparison, folder: Path, stem: str) -> list[Path]:
    """Draws the top heads of every method, and beside them their layer-matched controls.

    Cells are pooled. Bars are 95% bootstrap intervals over companies; of several control draws the
    mean is shown. A curve ends where the method has found no more heads.

    Raises:
        OSError: a file cannot be written.
    """
    figure = new_figure(9.6, 4.4)
    top, control = figure.subplots(1, 2, sharey=True)
    cells = next(iter(comparison.outcomes.values()))
    ticks = sorted({level for found in comparison.outcomes.values() for level in found[0].top})
    unablated, _ = accuracy(cells, [[cell.unablated for cell in cells]])
    for panel in (top, control):
        panel.axhline(unablated, color="0.35", linewidth=1, linestyle=":", label="unablated")
    for place, (method, found) in enumerate(comparison.outcomes.items()):
        offset = 0.35 * (place - (len(comparison.outcomes) - 1) / 2)
        levels = list(found[0].top)
        tested = {level: [[cell.top[level] for cell in found]] for level in levels}
        _draw(top, method, found, tested, offset)
        if method != RANDOM:
            matched = {level: control_answers(found, LAYER_MATCHED, level) for level in levels}
            _draw(control, method, found, matched, offset)
    shared = {
        level: control_answers(cells, SHARED, level)
        for level in cells[0].controls[SHARED][0]
        if (SHARED, level) not in comparison.left_out
    }
    if shared:
        _draw(control, SHARED, cells, shared, 0.0)
        _draw(top, SHARED, cells, shared, 0.0)
    top.set_title("top heads of each method")
    control.set_title("as many random heads of the same layers")
    top.set_ylabel("accuracy")
    for panel in (top, control):
        panel.set(xlabel="heads ablated", ylim=(-0.03, 1.03))
        panel.set_xticks([0, *ticks])
        panel.spines[["top", "right"]].set_visible(False)
    handles, labels = top.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=4, frameon=False)
    return save_figure(figure, folder, stem)


def _draw(
    panel: Axes,
    name: str,
    cells: Sequence[CellOutcomes],
    draws_at: Mapping[int, Sequence[Sequence[Answers]]],
    offset: float,
) -> None:
    """One curve: level -> for each draw, the answers of each cell."""
    label, colour, marker, line = LINES[name]
    unablated, _ = accuracy(cells, [[cell.unablated for cell in cells]])
    points = [(unablated, None), *(accuracy(cells, draws) for draws in draws_at.values())]
    panel.errorbar(
        [0, *(level + offset for level in draws_at)],
        [y for y, _ in points],
        yerr=[
            [max(0.0, y - found.low) if found else 0.0 for y, found in points],
            [max(0.0, found.high - y) if found else 0.0 for y, found in points],
        ],
        color=colour,
        marker=marker,
        markersize=4,
        linestyle=line,
        elinewidth=0.8,
        label=label,
    )
