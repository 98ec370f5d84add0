"""Every figure that the results of exp10 suffice for, under the study's names."""

from pathlib import Path

from experiments.exp10.figures.joint_removal import draw_pareto
from experiments.exp10.figures.layers import draw_correlation, draw_layers
from experiments.exp10.figures.single_heads import draw_heatmap, draw_histogram, draw_rank_plot
from experiments.exp10.figures.style import Document
from experiments.machine.files.drawing import figure_paths

NAMES = (
    "exp10b_histogram", "exp10b_heatmap", "exp10b_zipf", "exp10c_pareto", "exp10d_layer_importance",
    "exp10d_g_correlation",
)  # fmt: skip
"""The study's, of all figures; a tag follows."""


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
