"""What layers cost, and whether that follows how a word's sense penetrates them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.exp10.figures.style import (
    BESIDE,
    BLUE,
    CHANGE,
    FREE,
    GREY,
    RED,
    SIGNED,
    Document,
    Style,
    plain,
    start_figure,
)
from experiments.machine.files.drawing import save_figure

NOTABLE_SHARE = 0.1


def draw_layers(summary: Document, folder: Path, tag: str) -> list[Path]:
    """Mean and largest change of every layer, with the share of the layers that matter most."""
    rows = summary["layer_effects"]
    layers = [row["layer"] for row in rows]
    means, largest = ([100 * row[key] for row in rows] for key in ("mean", "max"))
    figure, panel = start_figure(summary, max(6.4, 1.6 + 0.24 * len(layers)), 4.2)
    panel.bar(layers, means, color="#92c5de", edgecolor=BLUE, label="mean of the heads")
    panel.scatter(layers, largest, 22, color=RED, marker="D", label="largest head", zorder=3)
    for row, top in zip(rows, largest, strict=True):
        if row["share"] >= NOTABLE_SHARE:
            panel.annotate(f"{row['share']:.0%}", (row["layer"], top), (0, 6), **BESIDE)
    panel.axhline(0, color="black", linewidth=0.8)
    panel.set_yscale("symlog", **SIGNED)
    panel.yaxis.set_major_formatter(plain)
    panel.set_xticks(layers[:: -(-len(layers) // 16)])
    panel.margins(x=0.02, y=0.1)
    key = f"(number: share of the sum over all heads, from {NOTABLE_SHARE:.0%} on)"
    panel.set(xlabel=f"layer\n{key}", ylabel=f"{CHANGE} (%)", title="Cost by layer")
    panel.legend(loc=FREE, frameon=False, fontsize="small")
    return save_figure(figure, folder, f"exp10d_layer_importance_{tag}")


def draw_correlation(summary: Document, folder: Path, tag: str) -> list[Path]:
    """Penetration g by depth, and the cost of the layers against its slope."""
    figure, left, right = start_figure(summary, 10, 4.6, panels=2)
    mean, words = summary["penetration"]["g"], summary["penetration"]["words"]
    depth = np.linspace(0, 1, len(mean))
    for number, values in enumerate(words.values()):
        label = None if number else f"single words ({len(words)})"
        left.plot(depth, values, color="0.7", linewidth=0.7, label=label)
    left.plot(depth, mean, color=BLUE, marker="o", markersize=4, label="g")
    left.set(xlabel="depth l/L", ylabel="penetration g", title="Penetration by depth")
    left.legend(loc=FREE, frameon=False, fontsize="small")
    found = summary["correlation"]
    points = np.array([found["slope"], [100 * row["mean"] for row in summary["layer_effects"]]]).T
    right.scatter(points[:, 0], points[:, 1], 22, color=RED, zorder=3)
    right.axhline(0, color=GREY, linewidth=0.8, linestyle=":")
    right.set_yscale("symlog", **SIGNED)
    right.yaxis.set_major_formatter(plain)
    right.margins(0.1)
    right.set(xlabel="slope of g across the layer, dg/d(l/L)", ylabel=f"mean {CHANGE} (%)")
    right.set_title("Layers: too few, or too alike, for a correlation")
    if found["pearson_r"] is not None:
        pearson = f"r = {found['pearson_r']:.2f} (p = {found['pearson_p']:.2g})"
        spearman = f"ρ = {found['spearman_rho']:.2f} (p = {found['spearman_p']:.2g})"
        right.set_title(f"Layers: {pearson}, {spearman}".replace("-", "−"))
    _name_points(figure, right, points, [str(row["layer"]) for row in summary["layer_effects"]])
    return save_figure(figure, folder, f"exp10d_g_correlation_{tag}")


def _name_points(figure: Figure, panel: Axes, points: np.ndarray, names: Sequence[str]) -> None:
    """Names the points, each at the nearest place of the panel that covers none of the others."""
    # Before the layout is settled there are no distances to compare.
    figure.draw_without_rendering()
    centres = panel.transData.transform(points) * 72 / figure.dpi
    taken = [(x, y, 3, 3) for x, y in centres]
    edges = panel.get_window_extent().get_points() * 72 / figure.dpi
    angles = np.pi / 8 * np.array([1, 15, 0, 7, 9, 8, 3, 13, 5, 11, 4, 12])
    ring = np.column_stack([np.cos(angles), np.sin(angles)])
    offsets = np.concatenate([radius * ring for radius in range(9, 60, 3)])
    leader = {"arrowstyle": "-", "linewidth": 0.4, "color": GREY, "shrinkA": 0, "shrinkB": 2}
    style: Style = BESIDE | {"va": "center", "fontsize": 7.5, "arrowprops": leader}
    for (x, y), centre, name in zip(points, centres, names, strict=True):
        half = np.array([2.6 * len(name), 4.1])
        boxes = np.array(taken)[:, None]
        overlaps = np.abs(boxes[..., :2] - (centre + offsets)) < boxes[..., 2:] + half
        place = centre + offsets
        outside = (place - half < edges[0]) | (place + half > edges[1])
        right, up = offsets[np.argmin(overlaps.all(axis=-1).any(axis=0) | outside.any(axis=-1))]
        taken.append((centre[0] + right, centre[1] + up, *half))
        panel.annotate(name, (x, y), (right, up), **style)
