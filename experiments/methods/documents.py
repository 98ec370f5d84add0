"""The result documents of ``headclaims compare``: what its tables are printed from."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

from ablation.detection.controls import CONTROL_SEED, LAYER_MATCHED, SHARED
from ablation.stats.interval import Interval
from experiments.cells.cell import Cell
from experiments.cells.choices import AblationChoice
from experiments.cells.gap import gap_evidence
from experiments.cells.outcomes import Answers, CellOutcomes, accuracy, control_answers
from experiments.judging.verdict import Evidence
from experiments.methods.comparison import Comparison, Ranked
from experiments.methods.comparison_evidence import overlap_evidence
from experiments.methods.mode_runs import ModesCompared


def methods_document(
    cells: Sequence[Cell],
    ranked: Ranked,
    compared: Comparison,
    levels: Sequence[int],
    ablation: AblationChoice,
    seed: int = CONTROL_SEED,
) -> dict[str, Any]:
    """Overlaps of the methods' top heads, and the answers without them, pooled over ``cells``.

    Accuracies are shares with 95% intervals over companies, as in ``accuracy``; ``correct`` counts
    the right answers of each cell, draw by draw.
    """
    overlaps = []
    for level in levels:
        for pair in combinations(ranked.rankings, 2):
            found = overlap_evidence(ranked, pair, level)
            if isinstance(found, Evidence):
                figure = _figure(found.estimate, found.interval)
                overlaps.append({"methods": list(pair), "num_heads": level, "jaccard": figure})
    rows = []
    for method, of_method in compared.outcomes.items():
        for level in of_method[0].top:
            without_shared = (SHARED, level) in compared.left_out
            kinds = [LAYER_MATCHED] if without_shared else [LAYER_MATCHED, SHARED]
            rows.append(
                {
                    "method": method,
                    "num_heads": level,
                    **_row(of_method, level, kinds),
                    "displaced_controls": list(compared.displaced[method, level]),
                }
            )
    reasons: dict[tuple[str, int | None], str] = {
        **{(method, None): reason for method, reason in ranked.refused.items()},
        **{(method, level): reason for (method, level), reason in compared.left_out.items()},
    }
    return {
        "method": "comparison_of_methods",
        **_header(cells),
        "ablation": {"mode": ablation.mode, "scope": ablation.scope, "control_seed": seed},
        "unablated": _accuracy(*_unablated(next(iter(compared.outcomes.values())))),
        "overlaps": overlaps,
        "ablations": rows,
        "left_out": [
            {"method": method, "num_heads": level, "reason": reason}
            for (method, level), reason in reasons.items()
        ],
        "provenance": dict(compared.provenance),
    }


def modes_document(
    cell: Cell, compared: ModesCompared, level: int, method: str, seed: int = CONTROL_SEED
) -> dict[str, Any]:
    """The answers of one cell in every mode and scope, and the gap between top and control heads.

    The gap is a share of the answers, with its 95% interval and p as in claim A1.
    """
    rows = []
    for (mode, scope), outcomes in compared.outcomes.items():
        evidence = gap_evidence([outcomes], level, LAYER_MATCHED)
        rows.append(
            {
                "mode": mode,
                "scope": scope,
                **_row([outcomes], level, [LAYER_MATCHED]),
                "gap": {**_figure(evidence.estimate, evidence.interval), "p": evidence.p},
            }
        )
    first = next(iter(compared.outcomes.values()))
    return {
        "method": "comparison_of_modes",
        **_header([cell]),
        "heads_by": method,
        "num_heads": level,
        "control_seed": seed,
        "displaced_controls": compared.displaced,
        "unablated": _accuracy(*_unablated([first])),
        "ablations": rows,
        "left_out": [{"mode": mode, "reason": reason} for mode, reason in compared.refused.items()],
        "provenance": dict(compared.provenance),
    }


def _header(cells: Sequence[Cell]) -> dict[str, Any]:
    first = cells[0]
    return {
        "model_key": first.model.spec.key,
        "model_name": first.model.spec.name,
        "questions": [cell.question for cell in cells],
        "total_tokens": first.tokens,
        "test_samples": [len(cell.test) for cell in cells],
        "inputs": [cell.inputs() for cell in cells],
    }


def _row(cells: Sequence[CellOutcomes], level: int, kinds: Sequence[str]) -> dict[str, Any]:
    drawn = {kind: control_answers(cells, kind, level) for kind in kinds}
    return {
        "top": _accuracy(cells, [[cell.top[level] for cell in cells]]),
        **{kind: _accuracy(cells, draws) for kind, draws in drawn.items()},
    }


def _unablated(
    cells: Sequence[CellOutcomes],
) -> tuple[Sequence[CellOutcomes], list[list[Answers]]]:
    return cells, [[cell.unablated for cell in cells]]


def _accuracy(
    cells: Sequence[CellOutcomes], draws: Sequence[Sequence[Answers]]
) -> Mapping[str, Any]:
    value, interval = accuracy(cells, draws)
    return {
        **_figure(value, interval),
        "correct": [sum(answers.values()) for draw in draws for answers in draw],
    }


def _figure(value: float, interval: Interval | None) -> dict[str, Any]:
    return {"estimate": value, "interval": None if interval is None else list(interval)}
