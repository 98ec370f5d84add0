"""All that a report shows of its evidence, as plain data."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ablation.detection.ranking import HeadRanking
from ablation.errors import HeadclaimsError, ResultsError
from experiments.cells.gap import above_floor
from experiments.cells.plan import AblationPlan
from experiments.exp10.measured.cumulative import REMOVALS
from experiments.exp10.options import Exp10Options
from experiments.judging.verdict import FLOOR
from experiments.machine.provenance import merged
from experiments.pages.evidence import Source
from experiments.pages.report.cells import (
    ReportedCell,
    cell_items,
    cell_summary,
    curve,
    reported_cell,
)
from experiments.pages.report.heads import (
    METHODS,
    head_map,
    membership_maps,
    methods_compared,
    rankings_by_method,
    scores_map,
    stability,
)
from experiments.pages.report.other_studies import (
    by_public_rows,
    of_methods,
    of_modes,
    of_no_method,
)
from experiments.pages.report.prompts import cell_prompts
from experiments.pages.report.sweep import reported_sweep, sweep_data
from experiments.store import Store


@dataclass
class Evidence:
    """What the source holds, as plain data.

    Attributes:
        method: how the heads of the cells were ranked.
        cells: a summary of each cell.
        pooled: for each length of prompts the curve of all cells together.
        parts: name -> what a page loads when it is looked at: items, and prompts.
        heads: maps of figures, layer by layer; rankings compared.
        sweeps: of exp10.
        sweeps_by: how those came about.
        provenance: how all of it came about.
        lacking: a line for each thing that is not there.
    """

    method: str = ""
    cells: list[dict[str, Any]] = field(default_factory=list)
    pooled: list[dict[str, Any]] = field(default_factory=list)
    parts: dict[str, Any] = field(default_factory=dict)
    heads: dict[str, Any] = field(default_factory=dict)
    sweeps: list[dict[str, Any]] = field(default_factory=list)
    sweeps_by: list[dict[str, Any]] = field(default_factory=list)
    provenance: dict[str, Any] = field(default_factory=dict)
    lacking: list[str] = field(default_factory=list)


def gathered(source: Source) -> Evidence:
    """All that the source holds.

    Raises:
        InvalidInput: a cell or a text that the model cannot have.
        Unavailable: the tokenizer, with which prompts are shown, is not to be had.
        ResultsError: a stored result cannot be read.
    """
    store, found = source.store(), Evidence(METHODS[source.plan().method])
    cells: list[ReportedCell] = []
    maps: list[dict[str, Any]] = []
    methods: list[dict[str, Any]] = []
    for reported in _cells(source, store, found.lacking):
        rankings = rankings_by_method(reported, store, found.lacking)
        methods += methods_compared(reported.name, rankings)
        cells.append(_with_other_studies(reported, rankings, source.plan(), store))
    for n, reported in enumerate(cells):
        found.cells.append(cell_summary(reported) | {"part": f"cell-{n}"})
        found.parts[f"cell-{n}"] = cell_items(reported, source.model.tokenizer)
        prompts = cell_prompts(reported.cell, source.model.tokenizer)
        found.parts[f"cell-{n}-prompts"] = prompts
        maps += [scores_map(reported), *membership_maps(reported)]
    if cells:
        found.lacking.append(
            "claims A6 and A8 rest on the output of heads and on the ranks of paragraphs, which no "
            "report shows"
        )
    for tokens in dict.fromkeys(reported.cell.tokens for reported in cells):
        found.pooled.append(_pooled([one for one in cells if one.cell.tokens == tokens]))
    for options in source.texts:
        maps += _sweep(source, options, store, found)
    documents = [one for reported in cells for one in reported.documents]
    found.provenance = merged([*(one.provenance for one in documents), *found.sweeps_by])
    found.heads = {
        "names": [str(head) for head in source.model.grid],
        "maps": maps,
        "stability": stability(cells),
        "methods": methods,
    }
    return found


def _with_other_studies(
    reported: ReportedCell,
    rankings: Mapping[str, HeadRanking],
    plan: AblationPlan,
    store: Store,
) -> ReportedCell:
    own = METHODS[plan.method]
    others = {name: ranking for name, ranking in rankings.items() if name != own}
    cell = reported.cell
    found = of_methods(cell, others, plan, store)
    if others:
        found |= of_no_method(cell, rankings, plan, store)
    found |= by_public_rows(cell, plan, store)
    return replace(reported, others=found | of_modes(cell, reported.ranking, plan, store))


def _pooled(cells: Sequence[ReportedCell]) -> dict[str, Any]:
    """The curve of cells of one length together: of those that the claims are judged from."""
    # Those with nothing to lose are left out of verdicts.
    unablated = [replace(one.outcomes, top={}, controls={}) for one in cells]
    questions = {one.question for one in above_floor(unablated)}
    judged = [one for one in cells if one.cell.question in questions]
    return {
        "tokens": cells[0].cell.tokens,
        "cells": [str(one.name) for one in judged],
        "left_out": [str(one.name) for one in cells if one not in judged],
        "floor": round(100 * FLOOR),
        "curve": curve([one.outcomes for one in judged], judged[0].draws),
    }


def _cells(source: Source, store: Store, lacking: list[str]) -> Iterator[ReportedCell]:
    for name in source.cells:
        try:
            reported = reported_cell(name, source.build(name), source.plan(), store)
        except ResultsError:
            raise  # damaged, which is another matter than not there
        except HeadclaimsError as error:
            lacking.append(f"{name}: {error}")
            continue
        if reported is None:
            lacking.append(f"{name}: its ranking or its unablated answers are not stored")
        else:
            if reported.lacking:
                lacking.append(
                    f"{name}: answers under {len(reported.lacking)} of {len(reported.asked)} "
                    f"conditions are not stored, the first is {reported.lacking[0].name}"
                )
            yield reported


def _sweep(
    source: Source, options: Exp10Options, store: Store, found: Evidence
) -> list[dict[str, Any]]:
    """The map of a sweep, which goes to ``found``; nothing where it is not stored."""
    named = f"exp10, {options.mode} ablation"
    try:
        evaluations = source.evaluations(options, store)
        swept = reported_sweep(evaluations)
    except ResultsError:
        raise
    except HeadclaimsError as error:
        found.lacking.append(f"{named}: {error}")
        return []
    if swept is None:
        found.lacking.append(f"{named}: not every head alone is stored")
        return []
    data = sweep_data(evaluations, swept)
    found.sweeps.append(data)
    if len(data["curves"]) < len(REMOVALS):
        absent = len(REMOVALS) - len(data["curves"])
        found.lacking.append(f"{named}: {absent} of {len(REMOVALS)} curves of removals")
    found.sweeps_by.append(evaluations.provenance())
    changes = [100 * delta for delta in swept.deltas.values()]
    return [head_map(f"ΔPPL alone, {options.mode} ablation", "%", changes)]
