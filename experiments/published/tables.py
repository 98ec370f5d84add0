"""What the published figures say, as short text tables."""

from collections.abc import Iterator, Sequence
from itertools import combinations

from experiments.published.evidence.control_draw import (
    SMALLEST_P,
    by_octet,
    control_overlap,
    middle_share,
)
from experiments.published.evidence.drop_evidence import gap_evidence, percents
from experiments.published.evidence.effect_fits import fits
from experiments.published.evidence.rankings import overlap_evidence, stability
from experiments.published.sources.gpt2 import Experiment10
from experiments.published.sources.groups import LENGTHS, group
from experiments.published.sources.llama3 import KINDS, METHODS, STUDY_METHOD, TOP, Study, drops

FEWEST_HEADS = 5


def table_against_files(study: Study) -> Iterator[str]:
    """A4: both rows of the table beside the means of the files."""
    yield "Accuracy lost in points: the study's table, and the mean of its 32 result files"
    rows = [["heads ablated", *map(str, study.levels)]]
    for kind in KINDS:
        printed = [f"{100 * study.table[kind][level]:.1f}" for level in study.levels]
        files = [f"{percent:.1f}" for percent in percents(study, study.cells[STUDY_METHOD], kind)]
        rows += [[f"{kind}, table", *printed], [f"{kind}, files", *files]]
    gaps = [gap_evidence(study.cells[STUDY_METHOD], level) for level in study.levels]
    rows.append(["gap, files", *(f"{100 * found.estimate:.1f}" for found in gaps)])
    rows.append(["p over cells", *(f"{found.p:.2g}" for found in gaps)])
    yield from _aligned(rows)


def single_draw(study: Study) -> Iterator[str]:
    """What the one control draw of the study is."""
    cells = study.cells[STUDY_METHOD]
    overlap = control_overlap(study, cells)
    tested = [cell.top_heads for cell in cells]
    control = [cell.control_heads for cell in cells]
    yield "The control is one draw: random.Random(42) in every cell, nested over the levels"
    yield from _aligned(
        [
            ["", "found", "independent draws"],
            [
                "heads shared by two controls of 50, mean",
                f"{overlap.mean:.1f}",
                f"{overlap.expected:.1f}",
            ],
            ["  fewest to most", f"{overlap.fewest} to {overlap.most}", ""],
            [
                "different heads in all 32",
                str(overlap.distinct),
                f"{overlap.expected_distinct:.0f}",
            ],
            ["smallest p that one draw allows among draws", f"{SMALLEST_P:g}", ""],
        ]
    )
    yield "Heads per four layers, all cells together: the control is not layer-matched"
    octets = [f"{low}-{low + 3}" for low in range(0, study.grid.layers, 4)]
    yield from _aligned(
        [
            ["layers", *octets, "8-19"],
            *(
                [name, *map(str, by_octet(heads, study.grid)), f"{middle_share(heads):.0%}"]
                for name, heads in (("tested", tested), ("control", control))
            ),
        ]
    )


def overlaps(study: Study) -> Iterator[str]:
    """A7 and the stability of each ranking: Jaccard indices of the top 50.

    Where a ranking changes abruptly with the length, the study very likely ranks by its other path,
    see ``fewest_heads_by_length``.
    """
    yield "Jaccard index of the top 50 of two methods, mean over 32 cells"
    for pair in (METHODS, *combinations(METHODS, 2)):
        found = overlap_evidence(study.cells, pair)
        assert found.interval is not None
        name = "all pairs" if pair == METHODS else " and ".join(pair)
        low, high = found.interval
        yield f"  {name}: {found.estimate:.2f} [{low:.2f}, {high:.2f}]"
    yield "Jaccard index of one method's top 50 at two lengths, and in the two models"
    pairs = list(combinations(LENGTHS, 2))
    yield from _aligned(
        [
            ["method", *(f"{first}/{second}" for first, second in pairs), "models"],
            *(
                [
                    method,
                    *(f"{stability(cells, 'tokens', *pair):.2f}" for pair in pairs),
                    f"{stability(cells, 'model', 'instruct', 'base'):.2f}",
                ]
                for method, cells in study.cells.items()
            ),
        ]
    )


def methods_by_level(study: Study) -> Iterator[str]:
    """A7: what the top heads of each method cost."""
    yield "Accuracy lost in points with the top heads of each method"
    rows = [
        [method, *(f"{percent:.1f}" for percent in percents(study, study.cells[method], TOP))]
        for method in METHODS
    ]
    yield from _aligned([["heads ablated", *map(str, study.levels)], *rows])


def fewest_heads_by_length(study: Study) -> Iterator[str]:
    """The drop at the lowest level, length by length.

    That it is there at 2048 tokens only is very likely no finding about lengths: for longer prompts
    the study ranks heads by a path without rotary positions and without the causal mask.
    """
    yield f"Accuracy lost in points with the top {FEWEST_HEADS} heads ({STUDY_METHOD}), by length"
    found = [
        100 * drops(group(study.cells[STUDY_METHOD], f"{tokens} tokens"), TOP, FEWEST_HEADS).mean()
        for tokens in LENGTHS
    ]
    yield from _aligned(
        [
            ["tokens", *map(str, LENGTHS)],
            ["lost", *(f"{round(points, 1) + 0.0:.1f}" for points in found)],
        ]
    )


def effect_fits(figures: Experiment10) -> Iterator[str]:
    """B2: the exponents that the printed effects allow."""
    found = fits(figures)
    first, *_ = figures.largest
    low, high = found.with_the_rest
    yield f"Exponent of C*rank^-alpha, GPT-2 small, published {figures.alpha} from all 144 heads"
    yield from _aligned(
        [
            ["linear, ten largest (the study's fit)", f"{found.linear:.2f}"],
            ["linear, all heads, the unprinted at most and least", f"{low:.2f} to {high:.2f}"],
            ["log-log, ten largest", f"{found.log_log:.2f}"],
            ["maximum likelihood, ten largest", f"{found.maximum_likelihood:.2f}"],
            [f"linear, ten largest without {first}", f"{found.without[first]:.2f}"],
        ]
    )


def _aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """The first column to the left, figures to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for first, *rest in rows:
        cells = [cell.rjust(width) for cell, width in zip(rest, widths[1:], strict=True)]
        yield "  " + "  ".join([first.ljust(widths[0]), *cells]).rstrip()
