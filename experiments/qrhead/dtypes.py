"""What a dtype changes: the same cells in two of them, side by side.

Three questions. Do the same heads, ablated, leave the same answers? Does detection find the same
heads? And do the study's claims get the same verdicts, each dtype with the heads that it found?
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from ablation.detection.controls import LAYER_MATCHED, UNIFORM
from ablation.detection.ranking import HeadRanking
from ablation.heads import jaccard
from experiments.cells.cell import Cell
from experiments.cells.conditions import Heads, run_conditions
from experiments.cells.controls import control_sets
from experiments.cells.detection import detected
from experiments.cells.gap import gap_evidence
from experiments.cells.grading import Outcomes
from experiments.cells.noise import measure_noise, noise_unit
from experiments.cells.outcomes import CellOutcomes
from experiments.cells.plan import AblationPlan, check_plan, conditions
from experiments.claims import CLAIMS, LEVELS
from experiments.judging.verdict import Evidence, judge
from experiments.machine.provenance import merged
from experiments.qrhead.evidence import growth_evidence, harm_evidence
from experiments.store import Store

UNABLATED = "unablated"
KINDS = ("top", LAYER_MATCHED, UNIFORM)

Named = tuple[str, int, int]
"""A condition: what is ablated, how many heads, and which draw of them."""


@dataclass(frozen=True)
class _InDtype:
    """The cells in one dtype.

    Attributes:
        cells: model and prompts.
        rankings: of each cell.
        found: for each cell what the conditions gave with its own heads.
        noise: of the answers, measured on the first cell.
    """

    cells: Sequence[Cell]
    rankings: Sequence[HeadRanking]
    found: Sequence[Mapping[Named, Outcomes]]
    noise: float

    @property
    def outcomes(self) -> list[CellOutcomes]:
        """As the claims take them."""
        return [
            CellOutcomes(
                cell.question,
                cell.tokens,
                found[UNABLATED, 0, 0].companies,
                found[UNABLATED, 0, 0].correct,
                _by_level(found, "top")[0],
                {kind: _by_level(found, kind) for kind in (LAYER_MATCHED, UNIFORM)},
                (LAYER_MATCHED,) if len(_by_level(found, LAYER_MATCHED)) == 1 else (),
            )
            for cell, found in zip(self.cells, self.found, strict=True)
        ]


def compare_dtypes(
    usual: Sequence[Cell], other: Sequence[Cell], plan: AblationPlan, store: Store
) -> dict[str, Any]:
    """The document of a comparison of two dtypes, stored or computed now.

    Args:
        usual: cells of one model.
        other: the same cells, of the model in another dtype.
        plan: what is ablated in both, controls included.
        store: where scores and answers are kept.

    Returns:
        ``answers``: with the heads of ``usual`` ablated, how many answers of each condition differ,
        and how many of those are right in one dtype only. ``rankings``: the Jaccard index of the
        top heads. ``claims``: A1, and with all of the claims' levels A2 and A3, in each dtype.

    Raises:
        InvalidInput: impossible levels, or no head was found.
        ComputationError: logits or scores are not finite.
        ResultsError: a result cannot be stored.
    """
    check_plan(plan, usual[0].model.grid)
    both = [_in_dtype(cells, plan, store) for cells in (usual, other)]
    usual_sets = [
        _sets(cell, ranking, plan) for cell, ranking in zip(other, both[0].rankings, strict=True)
    ]
    same_heads = _run(other, usual_sets, plan, store)
    first, dtypes = usual[0], [cells[0].model.dtype for cells in (usual, other)]
    return {
        "method": "comparison_of_dtypes",
        "model_key": first.model.spec.key,
        "model_name": first.model.spec.name,
        "questions": [cell.question for cell in usual],
        "total_tokens": first.tokens,
        "test_samples": [len(cell.test) for cell in usual],
        "dtypes": dtypes,
        "heads_by": plan.method,
        "control_seed": plan.control_seed,
        "control_draws": plan.control_draws,
        "noise": {dtype: one.noise for dtype, one in zip(dtypes, both, strict=True)},
        "answers": _answers(both[0].found, same_heads, plan.levels),
        "rankings": [
            {
                "num_heads": level,
                "jaccard": [
                    jaccard(one.top(level), two.top(level))
                    for one, two in zip(both[0].rankings, both[1].rankings, strict=True)
                ],
            }
            for level in plan.levels
        ],
        "claims": _claims(dict(zip(dtypes, both, strict=True)), plan.levels),
        "provenance": merged(
            outcomes.provenance
            for found in (*both[0].found, *both[1].found, *same_heads)
            for outcomes in found.values()
        ),
    }


def _in_dtype(cells: Sequence[Cell], plan: AblationPlan, store: Store) -> _InDtype:
    for cell in cells:
        detected(cell, [plan.method], store, wait=False)  # what others are at is left to them
    rankings = [detected(cell, [plan.method], store)[0].ranking for cell in cells]
    sets = [_sets(cell, ranking, plan) for cell, ranking in zip(cells, rankings, strict=True)]
    found = _run(cells, sets, plan, store)
    first, unablated = cells[0], found[0][UNABLATED, 0, 0]
    noise = store.once(noise_unit(first), partial(measure_noise, first, unablated.items))
    return _InDtype(cells, rankings, found, noise.result["noise"])


def _sets(cell: Cell, ranking: HeadRanking, plan: AblationPlan) -> dict[Named, Heads]:
    """All that is ablated in a cell with this ranking."""
    kinds = {"unablated": UNABLATED, "top": "top", "random": UNIFORM}
    sets: dict[Named, Heads] = {
        (kinds[one.kind], len(one.heads), 0): one.heads for one in conditions(plan, ranking)
    }
    for draw in plan.further_draws():
        number = draw.seed - plan.control_seed
        for level, heads in control_sets(cell, ranking, plan, draw).items():
            sets[draw.kind, level, number] = heads
    return sets


def _run(
    cells: Sequence[Cell],
    sets: Sequence[Mapping[Named, Heads]],
    plan: AblationPlan,
    store: Store,
) -> list[dict[Named, Outcomes]]:
    jobs = [
        (cell, list(of_cell.values()), plan.ablation.of(cell))
        for cell, of_cell in zip(cells, sets, strict=True)
    ]
    for job in jobs:
        run_conditions(*job, store, wait=False)  # what others are at is left to them
    return [
        dict(zip(of_cell, run_conditions(*job, store), strict=True))
        for of_cell, job in zip(sets, jobs, strict=True)
    ]


def _by_level(found: Mapping[Named, Outcomes], kind: str) -> list[dict[int, dict[str, bool]]]:
    """For each draw of a kind: level -> which filings are right."""
    by_draw: dict[int, dict[int, dict[str, bool]]] = {}
    for (of, level, draw), outcomes in found.items():
        if of == kind:
            by_draw.setdefault(draw, {})[level] = outcomes.correct
    return [by_draw[draw] for draw in sorted(by_draw)]


def _answers(
    usual: Sequence[Mapping[Named, Outcomes]],
    other: Sequence[Mapping[Named, Outcomes]],
    levels: Sequence[int],
) -> list[dict[str, Any]]:
    rows = []
    for kind, level in [(UNABLATED, 0), *((kind, level) for kind in KINDS for level in levels)]:
        pairs = [
            pair
            for one, two in zip(usual, other, strict=True)
            for name, outcomes in one.items()
            if name[:2] == (kind, level)
            for pair in zip(outcomes.items, two[name].items, strict=True)
        ]
        rows.append(
            {
                "condition": kind,
                "num_heads": level,
                "answers": len(pairs),
                "different": sum(one.answer != two.answer for one, two in pairs),
                "right_in_one_only": sum(one.correct != two.correct for one, two in pairs),
                "correct": [
                    sum(one.correct for one, _ in pairs),
                    sum(two.correct for _, two in pairs),
                ],
            }
        )
    return rows


def _claims(by_dtype: Mapping[str, _InDtype], levels: Sequence[int]) -> list[dict[str, Any]]:
    rows = []
    evidence = {dtype: _evidence(found, levels) for dtype, found in by_dtype.items()}
    for claim, part in next(iter(evidence.values())):
        criterion = CLAIMS[claim].criterion(part)
        row: dict[str, Any] = {"claim": claim, "part": part, "unit": str(criterion.unit)}
        for dtype, found in evidence.items():
            one = found[claim, part]
            row[dtype] = {
                "estimate": one.estimate,
                "interval": None if one.interval is None else list(one.interval),
                "p": one.p,
                "verdict": str(judge(criterion, one)),
            }
        rows.append(row)
    return rows


def _evidence(found: _InDtype, levels: Sequence[int]) -> dict[tuple[str, str], Evidence]:
    """Claim and part -> what was measured of it."""
    cells, noise = found.outcomes, found.noise
    measured = {
        ("A1", str(level)): gap_evidence(cells, level, noise=noise)
        for level in levels
        if str(level) in CLAIMS["A1"].criteria
    }
    if {*LEVELS} <= {*levels}:
        measured["A2", ""] = growth_evidence(cells, noise)
        measured["A3", ""] = harm_evidence(cells, noise=noise)
    return measured
