"""What single heads cost: how many how much, each in its layer, and by rank."""

from pathlib import Path

import numpy as np
from matplotlib.colors import SymLogNorm
from matplotlib.patheffects import withStroke
from matplotlib.scale import SymmetricalLogTransform
from matplotlib.ticker import MaxNLocator

from experiments.exp10.figures.style import (
    BESIDE,
    BLUE,
    CHANGE,
    FREE,
    GREY,
    LINEAR_BELOW,
    LINEAR_SIZE,
    ORANGE,
    RED,
    SIGNED,
    Document,
    Style,
    changes_of,
    heads_of,
    plain,
    start_figure,
)
from experiments.machine.files.drawing import save_figure

BINS_PER_DECADE = 4
MARKED_CHANGES = (1, 10)
WRITTEN_CHANGE = 10
NAMED_HEADS = 6

SLANTED: Style = {"textcoords": "offset points", "rotation": 45, "rotation_mode": "anchor"}
"""On a falling curve such names never meet, however close the points."""

FITS = {"linear": ("fit to the values", ORANGE, "-"), "log_log": ("fit to the logs", "black", "--")}


def draw_histogram(individual: Document, folder: Path, tag: str) -> list[Path]:
    """How many heads change the perplexity by how much, on a signed logarithmic axis."""
    figure, panel = start_figure(individual, 7.4, 4.4)
    changes = changes_of(individual)
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
    panel.xaxis.set_major_formatter(plain)
    panel.yaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
    panel.set(xlabel=f"{CHANGE} with one head ablated (%)", ylabel="heads")
    panel.set_title("Cost of single heads", pad=32)
    panel.legend(loc=FREE, frameon=False, fontsize="small")
    return save_figure(figure, folder, f"exp10b_histogram_{tag}")


def draw_heatmap(individual: Document, folder: Path, tag: str) -> list[Path]:
    """Every head in its layer; the colour is linear to ±1% and logarithmic beyond."""
    heads = heads_of(individual)
    layers, width = heads.layers, heads.widest
    size = 1.9 + max(4.6, 0.28 * width), 1.5 + max(3.8, 0.25 * layers)
    figure, panel = start_figure(individual, *size)
    changes = changes_of(individual)
    grid = np.full((layers, width), np.nan)
    for head, change in zip(heads, changes, strict=True):
        grid[head.layer, head.head] = change
    largest = max(np.abs(changes).max(), WRITTEN_CHANGE)
    norm = SymLogNorm(1, vmin=-largest, vmax=largest)
    image = panel.imshow(grid, cmap="RdBu_r", norm=norm, aspect="auto")
    # Both ends of the scale are dark: without colour, only a written sign tells them apart.
    for head, change in zip(heads, changes, strict=True):
        sign = "−" if change < 0 else ""
        text = plain(round(change)) if abs(change) >= WRITTEN_CHANGE else sign
        colour = "white" if abs(norm(change) - 0.5) > 0.3 else "black"
        panel.text(
            head.head, head.layer, text, color=colour, fontsize=6.5, ha="center", va="center"
        )
    panel.set_xticks(range(0, width, -(-width // 16)))
    panel.set_yticks(range(0, layers, -(-layers // 16)))
    key = f"(−: perplexity falls; number: change in %, from {WRITTEN_CHANGE}% on)"
    panel.set(xlabel=f"head\n{key}", ylabel="layer", title="Cost of every head")
    bar = figure.colorbar(image, label=f"{CHANGE} with the head ablated (%)", format=plain)
    bar.ax.minorticks_off()
    panel.spines[:].set_visible(True)
    return save_figure(figure, folder, f"exp10b_heatmap_{tag}")


def draw_rank_plot(individual: Document, summary: Document, folder: Path, tag: str) -> list[Path]:
    """|Change| by rank, both logarithmic, with the fitted power laws that ``summary`` has."""
    figure, panel = start_figure(individual, 6.4, 4.8)
    changes = changes_of(individual)
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
    panel.xaxis.set_major_formatter(plain)
    panel.yaxis.set_major_formatter(plain)
    panel.legend(loc="lower left", fontsize="small", edgecolor="none", framealpha=0.9)
    return save_figure(figure, folder, f"exp10b_zipf_{tag}")
