"""The report of runs and their evidence: what the page shows, and what its scripts read."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from ablation.detection.controls import LAYER_MATCHED, UNIFORM
from experiments.judging.baselines.changed import HEAD
from experiments.judging.verdict import Verdict
from experiments.machine.environment import timestamp, versions
from experiments.pages.report.cells import TOP
from experiments.pages.report.claims import (
    Run,
    beside,
    forest_rows,
    moved,
    not_drawn,
    reported_claims,
)
from experiments.pages.report.gathered import Evidence
from experiments.pages.report.other_studies import BEHIND, BY_ROWS
from experiments.pages.report.page import rendered

TITLE = "headclaims: claims about attention heads"

MARKS = (
    ("REPRODUCED", "●"), ("SIZE_OPEN", "▲"), ("DIRECTION_ONLY", "▶"), ("INCONCLUSIVE", "■"),
    ("NOT_REPRODUCED", "✚"), ("INCONSISTENT", "━"),
)  # fmt: skip
"""The marks of the forest plot, as its chart has them."""

UNIFORM_CONTROL, PUBLIC_ROWS = "uniform control", "public rows"
"""What details are of that have answers of their own."""

EFFECTS, TOGETHER, BY_LAYER = "effects", "together", "layers"
"""What the view of a sweep has."""

IN_A_SWEEP: Mapping[str, Sequence[tuple[str, str]]] = {
    "B1": (("zero", EFFECTS), ("zero", BY_LAYER)),
    "B2": (("zero", EFFECTS),),
    "B3": (("zero", EFFECTS),),
    "B4": (("zero", TOGETHER),),
    "B5": (("zero", EFFECTS), ("zero", TOGETHER)),
    "B6": (("zero", EFFECTS), ("zero", TOGETHER)),
    "B7": (("zero", BY_LAYER),),
    "B8": (("zero", EFFECTS), ("mean", EFFECTS)),
}
"""Claim on Experiment 10 -> modes and places where its evidence is seen."""

IN_WORDS = {EFFECTS: "effects by rank", TOGETHER: "heads together", BY_LAYER: "layers"}


@dataclass(frozen=True)
class Differing:
    """Stored figures and verdicts that are not what they were.

    Attributes:
        than: what they are compared with, in words.
        rows: baseline, figure, old, new, difference, as text.
        verdicts: a line for each verdict that moved.
    """

    than: str
    rows: Sequence[Sequence[str]]
    verdicts: Sequence[str] = ()


def report_page(
    runs: Sequence[Run],
    model: str,
    evidence: Evidence,
    command: str,
    of: Sequence[str],
    differing: Differing | None = None,
    behind: Collection[str] | None = None,
) -> str:
    """The page as HTML.

    Args:
        runs: the claims of one run, or of several beside each other.
        model: the key of the model that the evidence is of.
        evidence: what is behind the claims.
        command: makes the same page again.
        of: where the evidence was taken from, a line each.
        differing: baselines that changed, to be shown beside the claims.
        behind: the runs that judged this evidence; None: all.
    """
    claims = [
        {
            **claim,
            "judgements": (judgements := _first(claim["judgements"], model)),
            "beside": beside(judgements),
            "curves": bool(evidence.cells) and _of_accuracy(claim, model, behind),
        }
        for claim in reported_claims(runs)
    ]
    several_runs = _several_runs(claims)
    content = {
        "title": TITLE,
        **_of_claims(claims, several_runs),
        **_of_evidence(evidence, of),
        "differing": differing,
        "differing_head": HEAD,
        "behind": [run.name for run in runs if behind is None or run.name in behind],
        "several_runs": several_runs,
        "runs": [{"name": run.name, "about": _about(run.provenance)} for run in runs],
        "evidence_model": model,
        "command": command,
        "version": versions()["headclaims"],
    }
    data = {
        "forest": forest_rows(claims),
        "several_runs": several_runs,
        "where": ", ".join(of),
        "method": evidence.method,
        "cells": evidence.cells,
        "pooled": evidence.pooled,
        "heads": evidence.heads,
        "sweeps": evidence.sweeps,
    }
    return rendered(content, data, evidence.parts)


def _of_claims(claims: Sequence[Mapping[str, Any]], several_runs: bool) -> dict[str, Any]:
    """What the template shows of claims."""
    judgements = [one for claim in claims for one in claim["judgements"]]
    of_studies = [one for claim in claims if not claim["instrument"] for one in claim["judgements"]]
    names = ("tier", "model", "verdict", *(["run"] if several_runs else []))
    return {
        "counts": _counts(of_studies, several_runs),
        "claims": claims,
        "moved": moved(claims),
        "not_drawn": not_drawn(claims),
        "marks": MARKS,
        "filters": {
            "study": _different(claim["study"] for claim in claims),
            **{name: _different(one[name] for one in judgements) for name in names},
        },
    }


def _of_evidence(evidence: Evidence, of: Sequence[str]) -> dict[str, Any]:
    """What the template shows of evidence."""
    lengths = {cell["tokens"] for cell in evidence.cells}
    cells = [
        {
            **cell,
            "levels": [str(one["level"]) for one in cell["conditions"] if one["kind"] == "top"],
            "others": {
                claim: [
                    one["name"]
                    for one in cell["conditions"]
                    if one["kind"] == kind and not one["draw"]
                ]
                for claim, (kind, _) in BEHIND.items()
            },
            "several": len(lengths) > 1,
        }
        for cell in evidence.cells
    ]
    heads = evidence.heads or {"maps": []}
    return {
        "others": {claim: ablated for claim, (_, ablated) in BEHIND.items()},
        "answers_behind": answers_behind,
        "in_sweeps": partial(places_in_sweeps, sweeps=evidence.sweeps),
        "evidence": {"cells": cells, "heads": heads, "sweeps": evidence.sweeps},
        "levels_of": {cell["id"]: cell["levels"] for cell in cells},
        "compared": (
            ("Methods against each other", heads.get("methods", [])),
            ("Questions and lengths against each other", heads.get("stability", [])),
        ),
        "made": [
            ("made", timestamp()),
            *(("evidence", line) for line in of),
            *_about(evidence.provenance),
        ],
        "lacking": evidence.lacking,
    }


def answers_behind(
    claim: str, part: str, cells: Sequence[Mapping[str, Any]], of: str = ""
) -> list[tuple[str, list[Mapping[str, Any]]]]:
    """What was ablated where a part of a claim of the QRHead study looks, and the cells with it.

    Parts of A1 are levels; A2 compares the most heads with the fewest, A3 is about controls.

    Args:
        claim: its name.
        part: which part of it.
        cells: those of the report.
        of: what a detail is of; of uniform controls and of QRHead's public rows there are answers.
    """
    if of not in ("", UNIFORM_CONTROL, PUBLIC_ROWS):
        return []
    levels = sorted({one["level"] for cell in cells for one in cell["conditions"] if one["level"]})
    asked: list[tuple[str, int]] = []
    control = UNIFORM if of else LAYER_MATCHED
    if of == PUBLIC_ROWS:
        asked = [(BY_ROWS, int(part))] if part.isdecimal() else []
    elif part.isdecimal():
        asked = [(control, int(part))] if of else [(TOP, int(part)), (control, int(part))]
    elif claim == "A2" and levels:
        asked = [(TOP, levels[0]), (TOP, levels[-1])]
    elif claim == "A3" and levels:
        asked = [(control, levels[-1])]
    found: dict[str, list[Mapping[str, Any]]] = {}
    for kind, level in asked:
        for cell in cells:
            for one in cell["conditions"]:
                if (one["kind"], one["level"]) == (kind, level):
                    found.setdefault(one["name"], []).append(cell)
    return list(found.items())


def places_in_sweeps(claim: str, sweeps: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """Addresses of a claim's evidence on Experiment 10 in the report, each in words."""
    curves = {sweep["mode"]: bool(sweep["curves"]) for sweep in sweeps}
    return [
        (f"exp10/{mode}/{part}", f"{IN_WORDS[part]}, {mode} ablation")
        for mode, part in IN_A_SWEEP.get(claim, ())
        if mode in curves and (part != TOGETHER or curves[mode])
    ]


def _several_runs(claims: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a claim was judged more than once on the same model and tier."""
    judged = Counter(
        (claim["name"], one["tier"], one["model"])
        for claim in claims
        for one in claim["judgements"]
    )
    return max(judged.values(), default=0) > 1


def _counts(
    judgements: Sequence[Mapping[str, Any]], several_runs: bool
) -> list[tuple[str, list[tuple[str, int]]]]:
    """How many verdicts there are of each kind, for each model, tier and run."""
    order = {str(verdict): place for place, verdict in enumerate(Verdict)}
    counted: dict[str, Counter[str]] = {}
    for one in judgements:
        of = f"{one['model']}, {one['tier']}{', ' + one['run'] if several_runs else ''}"
        counted.setdefault(of, Counter())[one["verdict"]] += 1
    return [
        (of, sorted(found.items(), key=lambda pair: (order.get(pair[0], len(order)), pair[0])))
        for of, found in counted.items()
    ]


def _of_accuracy(claim: Mapping[str, Any], model: str, behind: Collection[str] | None) -> bool:
    """Whether the curves of the cells are what a claim was judged from, in a run of ``behind``."""
    return claim["study"] == "qrhead" and any(
        "accuracy" in part["metric"]
        for one in claim["judgements"]
        if one["model"] == model and (behind is None or one["run"] in behind)
        for part in one["parts"]
    )


def _first(judgements: Sequence[Mapping[str, Any]], model: str) -> list[Mapping[str, Any]]:
    """Those on the model of the evidence before the others."""
    return sorted(judgements, key=lambda one: one["model"] != model)


def _different(values: Any) -> list[str]:
    return list(dict.fromkeys(values))


def _about(provenance: Mapping[str, Any]) -> list[tuple[str, str]]:
    """How a run came about, as lines."""
    lines = []
    for name, value in provenance.items():
        if isinstance(value, Mapping):
            value = ", ".join(f"{key} {_listed(of)}" for key, of in value.items())
        lines.append((name, _listed(value)))
    return lines


def _listed(value: Any) -> str:
    if isinstance(value, Mapping):
        return " ".join(_listed(of) for of in value.values())
    return ", ".join(map(_listed, value)) if isinstance(value, list) else str(value)
