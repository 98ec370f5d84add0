"""What the figures of exp10 have in common: colours, axes, the lines that say what was measured."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ablation.heads import HeadGrid
from experiments.machine.files.drawing import new_figure

Document = Mapping[str, Any]
Style = dict[str, Any]

RED, BLUE, ORANGE, GREY = "#b2182b", "#2166ac", "#e08214", "0.35"

FREE = "best"
"""Where a legend hides least. Named: of its default matplotlib warns where a machine is slow."""

CHANGE = "change of perplexity"
LINEAR_BELOW = 0.1
LINEAR_SIZE = 0.9
"""The linear part, 0 to 0.1%, is as wide as a decade: matplotlib multiplies this by 10/9."""
SIGNED: Style = {"linthresh": LINEAR_BELOW, "linscale": LINEAR_SIZE, "subs": range(2, 10)}

BESIDE: Style = {"textcoords": "offset points", "ha": "center", "fontsize": "small"}


def start_figure(
    document: Document, width: float, height: float, panels: int = 1
) -> tuple[Any, ...]:
    """A figure whose last lines say what was measured, and its panels."""
    figure = new_figure(width, height)
    ablation, text = document["ablation"], document["text"]
    figure.supxlabel(
        f"{document['model_name']}: {ablation['mode']} ablation (bias: {ablation['bias']})\n"
        f"{text['name']}, {text['tokens']} tokens in windows of {text['window']}; "
        f"unablated perplexity {document['unablated']['ppl']:.2f}",
        fontsize="small",
    )
    drawn = figure.subplots(1, panels, squeeze=False)[0]
    for panel in drawn:
        panel.spines[["top", "right"]].set_visible(False)
    return figure, *drawn


def heads_of(document: Document) -> HeadGrid:
    by_layer = document["heads_per_layer"]
    if isinstance(by_layer, int):
        return HeadGrid.even(document["layers"], by_layer)
    return HeadGrid(tuple(by_layer))


def changes_of(individual: Document) -> np.ndarray:
    """The relative changes of perplexity in percent, in the order of the grid."""
    return 100 * np.array([row["delta_ppl"] for row in individual["heads"]])


def plain(value: float, _position: float = 0) -> str:
    return f"{value:g}".replace("-", "−")
