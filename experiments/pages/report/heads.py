"""Heads as the report shows them: a map of figures by layer and head, and rankings compared."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, combinations
from typing import Any

from ablation.detection import QRHEAD, SUMMED_ATTENTION, WU24
from ablation.detection.ranking import HeadRanking
from ablation.errors import HeadclaimsError, ResultsError
from ablation.heads import Head, jaccard
from experiments.cells.conditions import by_item
from experiments.cells.detection import detected
from experiments.cells.gap import DESCRIBED
from experiments.cells.names import CellName
from experiments.pages.report.cells import TOP, ReportedCell
from experiments.store import Store

METHODS = {QRHEAD: "QRHead", WU24: "Wu24", SUMMED_ATTENTION: "summed attention"}
COMPARED = (10, 50)
"""How many of the top heads of two rankings are compared."""


def head_map(
    name: str, unit: str, values: Sequence[float], *, even: bool = False
) -> dict[str, Any]:
    """Figures of all heads, in the order of the model's grid.

    Args:
        name: what the figures are.
        unit: of the figures, "" for plain numbers.
        values: the figures.
        even: whether colours stand for even steps; else small figures are told apart better.
    """
    return {
        "name": name,
        "unit": unit,
        "values": [float(f"{value:.4g}") for value in values],
        "even": even,
    }


def scores_map(reported: ReportedCell) -> dict[str, Any]:
    """The scores by which the heads of a cell were ranked, and the ranking."""
    grid, ranking = reported.cell.model.grid, reported.ranking
    scores = dict(ranking.entries)
    number = {head: n for n, head in enumerate(grid)}
    found = head_map(
        f"detection score: {reported.cell.question}, {reported.cell.tokens} tokens",
        "",
        [scores.get(head, 0.0) for head in grid],
    )
    return {
        **found,
        "cell": str(reported.name),
        "ranking": [number[head] for head in ranking.found],
    }


def membership_maps(reported: ReportedCell) -> list[dict[str, Any]]:
    """In how many of a cell's top sets, and in what share of its control sets, each head is."""
    grid, of = reported.cell.model.grid, f"{reported.cell.question}, {reported.cell.tokens} tokens"
    sets: dict[str, list[Sequence[Head]]] = {}
    for condition in reported.found:
        heads = condition.heads
        if heads:
            found = [heads] if isinstance(heads, Sequence) else by_item(reported.cell, heads)
            sets.setdefault(condition.kind, []).extend(found)
    maps = []
    for kind, of_kind in sets.items():
        held = Counter(chain.from_iterable(of_kind))
        counts = [held[head] for head in grid]
        if kind == TOP:
            name = f"in how many of the {len(of_kind)} top sets: {of}"
            maps.append(head_map(name, "", counts, even=True))
        else:
            name = f"in what share of the {len(of_kind):,} {DESCRIBED[kind]} control sets: {of}"
            shares = [100 * count / len(of_kind) for count in counts]
            maps.append(head_map(name, "%", shares, even=True))
    return maps


def stability(cells: Sequence[ReportedCell]) -> list[dict[str, Any]]:
    """For each pair of cells the Jaccard index of their top heads, at each size compared."""
    return [
        {"one": str(a.name), "other": str(b.name), **_shared(a.ranking, b.ranking)}
        for a, b in combinations(cells, 2)
    ]


def rankings_by_method(
    reported: ReportedCell, store: Store, lacking: list[str]
) -> dict[str, HeadRanking]:
    """Method, by name -> the heads of a cell by it, where its scores are stored and find any.

    What cannot be ranked is said in ``lacking``.
    """
    rankings = {}
    for method, name in METHODS.items():
        try:
            found = detected(reported.cell, [method], store, wait=False)
        except ResultsError:
            raise  # damaged, which is another matter than not there
        except HeadclaimsError as error:
            lacking.append(f"{reported.name}, heads by {name}: {error}")
            continue
        if found is not None and found[0].whole_ranking.found:
            rankings[name] = found[0].whole_ranking
    return rankings


def methods_compared(
    cell: CellName, rankings: Mapping[str, HeadRanking]
) -> Iterator[dict[str, Any]]:
    """For each pair of methods the Jaccard index of their top heads in a cell."""
    for (one, a), (other, b) in combinations(rankings.items(), 2):
        yield {"cell": str(cell), "one": one, "other": other, **_shared(a, b)}


def _shared(a: HeadRanking, b: HeadRanking) -> dict[str, Any]:
    fewest = min(len(a.found), len(b.found))
    heads = len(a.grid)
    return {
        "shared": [
            {
                "top": size,
                "jaccard": f"{jaccard(a.top(size), b.top(size)):.2f}"
                if size <= fewest
                else f"only {fewest} found",
                # Of two random sets of this size.
                "chance": f"{size / (2 * heads - size):.2f}",
            }
            for size in COMPARED
            if size <= heads
        ]
    }
