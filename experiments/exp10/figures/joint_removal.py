"""What many heads cost that are removed together, in four orders."""

from pathlib import Path

from matplotlib.axes import Axes

from experiments.exp10.figures.style import (
    BLUE,
    GREY,
    Document,
    Style,
    heads_of,
    plain,
    start_figure,
)
from experiments.machine.files.drawing import save_figure

CURVES = {
    ("magnitude", False): ("smallest |change| first", BLUE, "-", "o"),
    ("magnitude", True): ("smallest |change| first", "#67a9cf", "--", "s"),
    ("signed", False): ("lowest change first", "#b35806", "-.", "^"),
    ("signed", True): ("lowest change first", "#f1a340", ":", "D"),
}
"""By order and whether layers are protected: label, colour, line, marker."""
ZOOM = (0.6, 2.3)
ZOOM_TICKS = (0.75, 0.9, 1)


def draw_pareto(cumulative: Document, folder: Path, tag: str) -> list[Path]:
    """Perplexity against heads removed: the whole range, and the part around the thresholds."""
    figure, whole, zoom = start_figure(cumulative, 10, 5.2, panels=2)
    total = len(heads_of(cumulative))
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
    zoom.yaxis.set_major_formatter(plain)
    zoom.set_xlim(0, 1.08 * max(point["num_heads"] for point in low) + 1)
    zoom.set_ylim(max(ZOOM[0], 0.97 * min(point["ratio"] for point in low)), ZOOM[1])
    whole.set_ylabel("perplexity / unablated perplexity")
    limits = " / ".join(map(str, thresholds))
    title = f"order of removal: heads gone up to the first crossing of {limits} (marked)"
    style: Style = {"ncols": 2, "frameon": False, "handlelength": 3.6}
    handles, labels = zoom.get_legend_handles_labels()
    figure.legend(handles, labels, title=title, loc="outside upper center", **style)
    return save_figure(figure, folder, f"exp10c_pareto_{tag}")


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
