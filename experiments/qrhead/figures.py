"""The curve of Figure 8 of Wu et al. 2024 (arXiv 2404.15574): accuracy against heads ablated."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes

from experiments.drawing import new_figure, save_figure
from experiments.qrhead.outcomes import RANDOM, TOP

CURVES = (
    (TOP, "top QRHeads", "#b2182b", "o", "-"),
    (RANDOM, "random heads", "#2166ac", "s", "--"),
)
"""Key in the document, label, colour, marker, line; told apart without colour, too."""

PANELS_PER_ROW = 4


def draw_ablation_curves(
    documents: Sequence[Mapping[str, Any]], folder: Path, stem: str
) -> list[Path]:
    """Draws one panel per ablation document into ``folder``/``stem``.png and .svg.

    Raises:
        OSError: a file cannot be written.
    """
    columns = min(len(documents), PANELS_PER_ROW)
    rows = -(-len(documents) // columns)
    figure = new_figure(1.6 + 3.2 * columns, 0.6 + 3.6 * rows)
    panels = figure.subplots(rows, columns, sharey=True, squeeze=False).flatten()
    for panel, document in zip(panels, documents, strict=False):
        _draw_panel(panel, document)
    for panel in panels[len(documents) :]:
        panel.remove()
    for panel in panels[::columns]:
        panel.set_ylabel("accuracy")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=3, frameon=False)
    figure.supxlabel(str(documents[0]["model_name"]), fontsize="small")
    return save_figure(figure, folder, stem)


def _draw_panel(panel: Axes, document: Mapping[str, Any]) -> None:
    unablated = document["baseline"]["accuracy"]
    panel.axhline(unablated, color="0.35", linewidth=1, linestyle=":", label="unablated")
    for key, label, colour, marker, line in CURVES:
        rows = document[key]
        if rows:
            panel.plot(
                [0, *(row["num_heads"] for row in rows)],
                [unablated, *(row["accuracy"] for row in rows)],
                color=colour,
                marker=marker,
                linestyle=line,
                label=label,
            )
    panel.set(
        title=f"{document['question']}, {document['total_tokens']} tokens",
        xlabel=f"heads ablated\n({_counts(document)})",
        ylim=(-0.03, 1.03),
    )
    panel.set_xticks([0, *document["ablation_levels"]])
    panel.spines[["top", "right"]].set_visible(False)


def _counts(document: Mapping[str, Any]) -> str:
    unablated = document["baseline"]
    return f"unablated {unablated['correct']} of {unablated['total']} filings correct"
