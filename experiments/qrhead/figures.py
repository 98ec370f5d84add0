"""The curve of Figure 8 of Wu et al. 2024 (arXiv 2404.15574): accuracy against heads ablated."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from matplotlib.axes import Axes

from ablation.detection.controls import LAYER_MATCHED, UNIFORM
from ablation.stats.proportions import wilson_interval
from experiments.cells.names import RANDOM, TOP
from experiments.machine.files.drawing import new_figure, save_figure

CURVES = (
    ("top", "top QRHeads", "#b2182b", "o", "-"),
    (UNIFORM, "random heads", "#2166ac", "s", "--"),
    (LAYER_MATCHED, "random heads of the same layers", "#d67700", "^", "-."),
)
"""Key, label, colour, marker, line; told apart without colour, too."""

CellDocuments = tuple[Mapping[str, Any], Sequence[Mapping[str, Any]]]
"""A cell's ablation document, and those of its further control draws."""

PANELS_PER_ROW = 4


def draw_ablation_curves(cells: Sequence[CellDocuments], folder: Path, stem: str) -> list[Path]:
    """Draws one panel per cell into ``folder``: PDF, SVG and PNG.

    Bars are 95% Wilson intervals of the accuracies. Of several control draws the mean is shown,
    and the range of the draws as bars. Where only some levels have several, the curve is that of
    the first draw, and the mean stands beside it, hollow.

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
    # A single panel is narrower than four labels.
    ncols = 4 if columns > 1 else 2
    figure.legend(handles, labels, loc="outside upper center", ncols=ncols, frameon=False)
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
        by_level = _by_level(document, controls, key)
        if not by_level:
            continue
        style: dict[str, Any] = {"color": colour, "marker": marker, "elinewidth": 0.8}
        several = {level: rows for level, rows in by_level.items() if len(rows) > 1}
        uneven = 0 < len(several) < len(by_level)
        curve = {level: rows[:1] if uneven else rows for level, rows in by_level.items()}
        rows = {0: [unablated], **{level + offset: of for level, of in curve.items()}}
        _draw_rows(panel, rows, linestyle=line, label=label, **style)
        if uneven:
            beside = {level + 3 * offset: rows for level, rows in several.items()}
            _draw_rows(panel, beside, linestyle="", markerfacecolor="none", **style)
    panel.set(
        title=f"{document['question']}, {document['total_tokens']} tokens",
        xlabel=f"heads ablated\n({_counts(document)})",
        ylim=(-0.03, 1.03),
    )
    panel.set_xticks([0, *document["ablation_levels"]])
    panel.spines[["top", "right"]].set_visible(False)


def _by_level(
    document: Mapping[str, Any], controls: Sequence[Mapping[str, Any]], key: str
) -> dict[int, list[Mapping[str, Any]]]:
    """Level -> the row of the top heads, or of every draw of one kind of control that has it."""
    first = {"top": document[TOP], UNIFORM: document[RANDOM]}.get(key, [])
    further = [draw["ablations"] for draw in controls if draw["control"]["kind"] == key]
    found: dict[int, list[Mapping[str, Any]]] = {}
    for row in (row for rows in (first, *further) for row in rows):
        found.setdefault(row["num_heads"], []).append(row)
    return found


def _draw_rows(
    panel: Axes, rows: Mapping[float, Sequence[Mapping[str, Any]]], **style: Any
) -> None:
    """Mean accuracies at their places, with bars; none at 0, the unablated model."""
    means = [fmean(row["accuracy"] for row in of) for of in rows.values()]
    ends = [
        _bar(of) if place else (mean, mean)
        for (place, of), mean in zip(rows.items(), means, strict=True)
    ]
    below = [mean - low for mean, (low, _) in zip(means, ends, strict=True)]
    above = [high - mean for mean, (_, high) in zip(means, ends, strict=True)]
    panel.errorbar(list(rows), means, yerr=[below, above], **style)


def _bar(rows: Sequence[Mapping[str, Any]]) -> tuple[float, float]:
    """Wilson interval of one accuracy, or the range of those of several draws."""
    if len(rows) == 1:
        return wilson_interval(rows[0]["correct"], rows[0]["total"])
    accuracies = [row["accuracy"] for row in rows]
    return min(accuracies), max(accuracies)


def _counts(document: Mapping[str, Any]) -> str:
    unablated = document["baseline"]
    return f"unablated {unablated['correct']} of {unablated['total']} filings correct"
