"""The curve of Figure 8 of Wu et al. 2024 (arXiv 2404.15574): accuracy against heads ablated."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from matplotlib.axes import Axes

from ablation.detection.controls import LAYER_MATCHED, UNIFORM
from ablation.stats.proportions import wilson_interval
from experiments.cells.names import RANDOM, TOP
from experiments.files.drawing import new_figure, save_figure

CURVES = (
    ("top", "top QRHeads", "#b2182b", "o", "-"),
    (UNIFORM, "random heads", "#2166ac", "s", "--"),
    (LAYER_MATCHED, "random heads of the same layers", "#4d9221", "^", "-."),
)
"""Key, label, colour, marker, line; told apart without colour, too."""

CellDocuments = tuple[Mapping[str, Any], Sequence[Mapping[str, Any]]]
"""A cell's ablation document, and those of its further control draws."""

PANELS_PER_ROW = 4


def draw_ablation_curves(cells: Sequence[CellDocuments], folder: Path, stem: str) -> list[Path]:
    """Draws one panel per cell into ``folder``/``stem``.png and .svg.

    Bars are 95% Wilson intervals of the accuracies. Of several control draws the mean is shown,
    and the range of the draws as bars.

    Raises:
        OSError: a file cannot be written.
    """
    columns = min(len(cells), PANELS_PER_ROW)
    rows = -(-len(cells) // columns)
    figure = new_figure(1.6 + 3.2 * columns, 0.6 + 3.6 * rows)
    panels = figure.subplots(rows, columns, sharey=True, squeeze=False).flatten()
    for panel, (document, controls) in zip(panels, cells, strict=False):
        _draw_panel(panel, document, controls)
    for panel in panels[len(cells) :]:
        panel.remove()
    for panel in panels[::columns]:
        panel.set_ylabel("accuracy")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=4, frameon=False)
    figure.supxlabel(str(cells[0][0]["model_name"]), fontsize="small")
    return save_figure(figure, folder, stem)


def _draw_panel(
    panel: Axes, document: Mapping[str, Any], controls: Sequence[Mapping[str, Any]]
) -> None:
    unablated = document["baseline"]
    panel.axhline(
        unablated["accuracy"], color="0.35", linewidth=1, linestyle=":", label="unablated"
    )
    for offset, (key, label, colour, marker, line) in zip((0, -0.6, 0.6), CURVES, strict=True):
        draws = _draws(document, controls, key)
        if draws:
            levels = [row["num_heads"] for row in draws[0]]
            # A further draw may have fewer levels than the first.
            by_level = [
                [row for rows in draws for row in rows if row["num_heads"] == level]
                for level in levels
            ]
            accuracies = [fmean(row["accuracy"] for row in rows) for rows in by_level]
            ends = [_bar(rows) for rows in by_level]
            panel.errorbar(
                [0, *(level + offset for level in levels)],
                [unablated["accuracy"], *accuracies],
                yerr=[
                    [0, *(y - low for y, (low, _) in zip(accuracies, ends, strict=True))],
                    [0, *(high - y for y, (_, high) in zip(accuracies, ends, strict=True))],
                ],
                color=colour,
                marker=marker,
                linestyle=line,
                elinewidth=0.8,
                label=label,
            )
    panel.set(
        title=f"{document['question']}, {document['total_tokens']} tokens",
        xlabel=f"heads ablated\n({_counts(document)})",
        ylim=(-0.03, 1.03),
    )
    panel.set_xticks([0, *document["ablation_levels"]])
    panel.spines[["top", "right"]].set_visible(False)


def _draws(
    document: Mapping[str, Any], controls: Sequence[Mapping[str, Any]], key: str
) -> list[Sequence[Mapping[str, Any]]]:
    """The rows of the top heads, or of every draw of one kind of control."""
    first = {"top": document[TOP], UNIFORM: document[RANDOM]}.get(key, [])
    further = [draw["ablations"] for draw in controls if draw["control"]["kind"] == key]
    return [rows for rows in (first, *further) if rows]


def _bar(rows: Sequence[Mapping[str, Any]]) -> tuple[float, float]:
    """Wilson interval of one accuracy, or the range of those of several draws."""
    if len(rows) == 1:
        return wilson_interval(rows[0]["correct"], rows[0]["total"])
    accuracies = [row["accuracy"] for row in rows]
    return min(accuracies), max(accuracies)


def _counts(document: Mapping[str, Any]) -> str:
    unablated = document["baseline"]
    return f"unablated {unablated['correct']} of {unablated['total']} filings correct"
