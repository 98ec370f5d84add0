"""The figures of exp10: what single heads cost, what many cost together, and in which layers."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import SymLogNorm
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.scale import SymmetricalLogTransform
from matplotlib.ticker import MaxNLocator

from ablation.heads import HeadGrid
from experiments.machine.files.drawing import figure_paths, new_figure, save_figure

Document = Mapping[str, Any]
Style = dict[str, Any]

RED, BLUE, ORANGE, GREY = "#b2182b", "#2166ac", "#e08214", "0.35"

FREE = "best"
"""Where a legend hides least. Named: of its default matplotlib warns where a machine is slow."""

NAMES = (
    "exp10b_histogram", "exp10b_heatmap", "exp10b_zipf", "exp10c_pareto", "exp10d_layer_importance",
    "exp10d_g_correlation",
)  # fmt: skip
"""The study's, of all figures; a tag follows."""

CHANGE = "change of perplexity"
LINEAR_BELOW = 0.1
LINEAR_SIZE = 0.9
"""The linear part, 0 to 0.1%, is as wide as a decade: matplotlib multiplies this by 10/9."""
SIGNED: Style = {"linthresh": LINEAR_BELOW, "linscale": LINEAR_SIZE, "subs": range(2, 10)}
BINS_PER_DECADE = 4
MARKED_CHANGES = (1, 10)
WRITTEN_CHANGE = 10
NAMED_HEADS = 6
NOTABLE_SHARE = 0.1

BESIDE: Style = {"textcoords": "offset points", "ha": "center", "fontsize": "small"}
SLANTED: Style = {"textcoords": "offset points", "rotation": 45, "rotation_mode": "anchor"}
"""On a falling curve such names never meet, however close the points."""

FITS = {"linear": ("fit to the values", ORANGE, "-"), "log_log": ("fit to the logs", "black", "--")}
CURVES = {
    ("magnitude", False): ("smallest |change| first", BLUE, "-", "o"),
    ("magnitude", True): ("smallest |change| first", "#67a9cf", "--", "s"),
    ("signed", False): ("lowest change first", "#b35806", "-.", "^"),
    ("signed", True): ("lowest change first", "#f1a340", ":", "D"),
}
"""By order and whether layers are protected: label, colour, line, marker."""
ZOOM = (0.6, 2.3)
ZOOM_TICKS = (0.75, 0.9, 1)


def draw_all(
    individual: Document,
    cumulative: Document | None,
    summary: Document,
    folder: Path,
    tag: str,
) -> list[Path]:
    """Draws every figure that these results suffice for; ``tag`` ends the files' names.

    These are all that is known in this setting: an older figure of these names is of another, and
    is removed.

    Raises:
        OSError: a file cannot be written.
    """
    paths = draw_histogram(individual, folder, tag)
    paths += draw_heatmap(individual, folder, tag)
    if any(row["delta_ppl"] for row in individual["heads"]):
        paths += draw_rank_plot(individual, summary, folder, tag)
    if cumulative is not None:
        paths += draw_pareto(cumulative, folder, tag)
    paths += draw_layers(summary, folder, tag)
    if "correlation" in summary:
        paths += draw_correlation(summary, folder, tag)
    for path in {path for name in NAMES for path in figure_paths(folder, f"{name}_{tag}")}:
        if path not in paths:
            path.unlink(missing_ok=True)
    return paths


def draw_histogram(individual: Document, folder: Path, tag: str) -> list[Path]:
    """How many heads change the perplexity by how much, on a signed logarithmic axis."""
    figure, panel = _figure(individual, 7.4, 4.4)
    changes = _changes(individual)
    transform = SymmetricalLogTransform(10, LINEAR_BELOW, LINEAR_SIZE)
    # Bins of one width on this axis: 0, 1% and 10% are edges, no bar lies astride them.
    step = LINEAR_BELOW / BINS_PER_DECADE
    places = np.floor(transform.transform(changes) / step)
    edges = transform.inverted().transform(step * np.arange(places.min(), places.max() + 2))
    for chosen, name, colour, hatch in (
        (changes < 0, "perplexity falls", BLUE, "////"),
        (changes >= 0, "perplexity rises", RED, ""),
    ):
        counts, _ = np.histogram(changes[chosen], edges)
        style: Style = {"align": "edge", "color": colour, "hatch": hatch, "edgecolor": "white"}
        label = f"{name} ({counts.sum()} heads)"
        bars = panel.bar(edges[:-1], counts, np.diff(edges), label=label, **style)
        # A bar of one head among bars of hundreds is seen by its number.
        panel.bar_label(bars, [str(count or "") for count in counts], fontsize=6)
    for mark in MARKED_CHANGES:
        panel.axvline(mark, color=GREY, linewidth=1, linestyle=":")
        text = f"{np.count_nonzero(changes > mark)} heads\nabove {mark}%"
        panel.annotate(text, (mark, 1), (0, 3), xycoords=("data", "axes fraction"), **BESIDE)
    panel.set_xscale("symlog", **SIGNED)
    panel.xaxis.set_major_formatter(_plain)
    panel.yaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
    panel.set(xlabel=f"{CHANGE} with one head ablated (%)", ylabel="heads")
    panel.set_title("Cost of single heads", pad=32)
    panel.legend(loc=FREE, frameon=False, fontsize="small")
    return save_figure(figure, folder, f"exp10b_histogram_{tag}")


def draw_heatmap(individual: Document, folder: Path, tag: str) -> list[Path]:
    """Every head in its layer; the colour is linear to ±1% and logarithmic beyond."""
    heads = _heads(individual)
    layers, width = heads.layers, heads.widest
    size = 1.9 + max(4.6, 0.28 * width), 1.5 + max(3.8, 0.25 * layers)
    figure, panel = _figure(individual, *size)
    changes = _changes(individual)
    grid = np.full((layers, width), np.nan)
    for head, change in zip(heads, changes, strict=True):
        grid[head.layer, head.head] = change
    largest = max(np.abs(changes).max(), WRITTEN_CHANGE)
    norm = SymLogNorm(1, vmin=-largest, vmax=largest)
    image = panel.imshow(grid, cmap="RdBu_r", norm=norm, aspect="auto")
    # Both ends of the scale are dark: without colour, only a written sign tells them apart.
    for head, change in zip(heads, changes, strict=True):
        sign = "−" if change < 0 else ""
        text = _plain(round(change)) if abs(change) >= WRITTEN_CHANGE else sign
        colour = "white" if abs(norm(change) - 0.5) > 0.3 else "black"
        panel.text(
            head.head, head.layer, text, color=colour, fontsize=6.5, ha="center", va="center"
        )
    panel.set_xticks(range(0, width, -(-width // 16)))
    panel.set_yticks(range(0, layers, -(-layers // 16)))
    key = f"(−: perplexity falls; number: change in %, from {WRITTEN_CHANGE}% on)"
    panel.set(xlabel=f"head\n{key}", ylabel="layer", title="Cost of every head")
    bar = figure.colorbar(image, label=f"{CHANGE} with the head ablated (%)", format=_plain)
    bar.ax.minorticks_off()
    panel.spines[:].set_visible(True)
    return save_figure(figure, folder, f"exp10b_heatmap_{tag}")


def draw_rank_plot(individual: Document, summary: Document, folder: Path, tag: str) -> list[Path]:
    """|Change| by rank, both logarithmic, with the fitted power laws that ``summary`` has."""
    figure, panel = _figure(individual, 6.4, 4.8)
    changes = _changes(individual)
    order = np.argsort(-np.abs(changes), kind="stable")
    # A change of exactly 0 has no place on a logarithmic axis.
    order = order[changes[order] != 0]
    ranks, sizes = np.arange(1, len(order) + 1), np.abs(changes[order])
    for chosen, name, colour, face, marker in (
        (changes[order] > 0, "perplexity rises", RED, RED, "o"),
        (changes[order] < 0, "perplexity falls", BLUE, "white", "v"),
    ):
        style: Style = {"facecolor": face, "edgecolor": colour, "marker": marker, "linewidths": 0.9}
        label = f"{name} ({np.count_nonzero(chosen)} heads)"
        panel.scatter(ranks[chosen], sizes[chosen], 18, label=label, zorder=3, **style)
    for key, (name, colour, line) in FITS.items():
        if fit := summary.get("rank_size", {}).get(key):
            law = 100 * fit["scale"] * ranks ** -fit["alpha"]
            label = f"{name}: α = {fit['alpha']:.2f}"
            panel.plot(ranks, law, color=colour, linestyle=line, linewidth=1.4, label=label)
    for rank, place in enumerate(order[:NAMED_HEADS], start=1):
        name = individual["heads"][place]["head"]
        text = panel.annotate(name, (rank, sizes[rank - 1]), (3, 3), fontsize="x-small", **SLANTED)
        text.set_path_effects([withStroke(linewidth=2.5, foreground="white")])
    panel.set(xscale="log", yscale="log", ylim=(0.6 * sizes[-1], 2.5 * sizes[0]))
    panel.set(xlabel="rank of the head", ylabel=f"|{CHANGE}| (%)", title="Cost by rank")
    panel.xaxis.set_major_formatter(_plain)
    panel.yaxis.set_major_formatter(_plain)
    panel.legend(loc="lower left", fontsize="small", edgecolor="none", framealpha=0.9)
    return save_figure(figure, folder, f"exp10b_zipf_{tag}")


def draw_pareto(cumulative: Document, folder: Path, tag: str) -> list[Path]:
    """Perplexity against heads removed: the whole range, and the part around the thresholds."""
    figure, whole, zoom = _figure(cumulative, 10, 5.2, panels=2)
    total = len(_heads(cumulative))
    curves = cumulative["curves"]
    thresholds = [row["threshold"] for row in curves[0]["thresholds"]]
    for panel in (whole, zoom):
        for curve in curves:
            _draw_curve(panel, curve, marked=panel is zoom)
        for threshold in thresholds:
            panel.axhline(threshold, color=GREY, linewidth=0.8, linestyle=":", zorder=1)
        panel.set(yscale="log", xlabel="heads removed")
        share = (lambda heads: 100 * heads / total, lambda percent: percent * total / 100)
        panel.secondary_xaxis("top", functions=share).set_xlabel("share of all heads (%)")
    low = [point for curve in curves for point in curve["points"] if point["ratio"] <= ZOOM[1]]
    zoom.set_yticks([*ZOOM_TICKS, *thresholds])
    zoom.minorticks_off()
    zoom.yaxis.set_major_formatter(_plain)
    zoom.set_xlim(0, 1.08 * max(point["num_heads"] for point in low) + 1)
    zoom.set_ylim(max(ZOOM[0], 0.97 * min(point["ratio"] for point in low)), ZOOM[1])
    whole.set_ylabel("perplexity / unablated perplexity")
    limits = " / ".join(map(str, thresholds))
    title = f"order of removal: heads gone up to the first crossing of {limits} (marked)"
    style: Style = {"ncols": 2, "frameon": False, "handlelength": 3.6}
    handles, labels = zoom.get_legend_handles_labels()
    figure.legend(handles, labels, title=title, loc="outside upper center", **style)
    return save_figure(figure, folder, f"exp10c_pareto_{tag}")


def draw_layers(summary: Document, folder: Path, tag: str) -> list[Path]:
    """Mean and largest change of every layer, with the share of the layers that matter most."""
    rows = summary["layer_effects"]
    layers = [row["layer"] for row in rows]
    means, largest = ([100 * row[key] for row in rows] for key in ("mean", "max"))
    figure, panel = _figure(summary, max(6.4, 1.6 + 0.24 * len(layers)), 4.2)
    panel.bar(layers, means, color="#92c5de", edgecolor=BLUE, label="mean of the heads")
    panel.scatter(layers, largest, 22, color=RED, marker="D", label="largest head", zorder=3)
    for row, top in zip(rows, largest, strict=True):
        if row["share"] >= NOTABLE_SHARE:
            panel.annotate(f"{row['share']:.0%}", (row["layer"], top), (0, 6), **BESIDE)
    panel.axhline(0, color="black", linewidth=0.8)
    panel.set_yscale("symlog", **SIGNED)
    panel.yaxis.set_major_formatter(_plain)
    panel.set_xticks(layers[:: -(-len(layers) // 16)])
    panel.margins(x=0.02, y=0.1)
    key = f"(number: share of the sum over all heads, from {NOTABLE_SHARE:.0%} on)"
    panel.set(xlabel=f"layer\n{key}", ylabel=f"{CHANGE} (%)", title="Cost by layer")
    panel.legend(loc=FREE, frameon=False, fontsize="small")
    return save_figure(figure, folder, f"exp10d_layer_importance_{tag}")


def draw_correlation(summary: Document, folder: Path, tag: str) -> list[Path]:
    """Penetration g by depth, and the cost of the layers against its slope."""
    figure, left, right = _figure(summary, 10, 4.6, panels=2)
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
    right.yaxis.set_major_formatter(_plain)
    right.margins(0.1)
    right.set(xlabel="slope of g across the layer, dg/d(l/L)", ylabel=f"mean {CHANGE} (%)")
    right.set_title("Layers: too few, or too alike, for a correlation")
    if found["pearson_r"] is not None:
        pearson = f"r = {found['pearson_r']:.2f} (p = {found['pearson_p']:.2g})"
        spearman = f"ρ = {found['spearman_rho']:.2f} (p = {found['spearman_p']:.2g})"
        right.set_title(f"Layers: {pearson}, {spearman}".replace("-", "−"))
    _name_points(figure, right, points, [str(row["layer"]) for row in summary["layer_effects"]])
    return save_figure(figure, folder, f"exp10d_g_correlation_{tag}")


def _draw_curve(panel: Axes, curve: Document, *, marked: bool) -> None:
    order, colour, line, marker = CURVES[curve["order"], bool(curve["protected_layers"])]
    crossings = [row["first"] for row in curve["thresholds"]]
    crossed = [crossing for crossing in crossings if crossing["exceeded_ratio"] is not None]
    points = {point["num_heads"]: point["ratio"] for point in curve["points"]}
    # Bisection found these between the steps.
    points |= {crossing["within"]: crossing["ratio"] for crossing in crossed}
    points |= {crossing["within"] + 1: crossing["exceeded_ratio"] for crossing in crossed}
    heads = sorted(points)
    kept = "".join(f", layer {layer} kept" for layer in curve["protected_layers"])
    limits = (str(crossing["within"]) if crossing in crossed else "all" for crossing in crossings)
    label = f"{order}{kept}: {' / '.join(limits)}"
    ratios = [points[number] for number in heads]
    (drawn,) = panel.plot(heads, ratios, color=colour, linestyle=line, label=label)
    if marked:
        drawn.set(marker=marker, markeredgecolor="black", markeredgewidth=0.6)
        drawn.set_markevery([heads.index(crossing["within"]) for crossing in crossed])


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


def _figure(document: Document, width: float, height: float, panels: int = 1) -> tuple[Any, ...]:
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


def _heads(document: Document) -> HeadGrid:
    by_layer = document["heads_per_layer"]
    if isinstance(by_layer, int):
        return HeadGrid.even(document["layers"], by_layer)
    return HeadGrid(tuple(by_layer))


def _changes(individual: Document) -> np.ndarray:
    """The relative changes of perplexity in percent, in the order of the grid."""
    return 100 * np.array([row["delta_ppl"] for row in individual["heads"]])


def _plain(value: float, _position: float = 0) -> str:
    return f"{value:g}".replace("-", "−")
