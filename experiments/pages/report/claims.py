"""Claims as the report shows them: verdicts in words, runs side by side, the rows of the forest."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ablation.errors import InvalidInput
from ablation.stats.interval import Interval
from experiments.claims import CLAIMS
from experiments.judging.claim import DETAILS_ONLY, Criterion, HeadsAblated, Scale
from experiments.judging.explained import CORRECTED, rule, what_would_change_it
from experiments.judging.report import figure_from
from experiments.judging.stored_evidence import evidence_in, read_document
from experiments.judging.verdict import Blocked, Evidence, Verdict, combine
from experiments.pages.report.page import in_address

PANELS = {Scale.POINTS: "percentage points", Scale.PERCENT: "percent", Scale.TIMES: "times"}


@dataclass(frozen=True)
class Run:
    """The claims of one run of pytest.

    Attributes:
        name: what readers call it.
        claims: as ``stored_evidence.read_evidence`` gives them.
        provenance: how they came about.
    """

    name: str
    claims: Sequence[Mapping[str, Any]]
    provenance: Mapping[str, Any]


def run_of(document: Any, path: Path) -> Run:
    """The run whose ``--claims-json`` is ``document``, in the file ``path``.

    Raises:
        InvalidInput: it is damaged, or of another kind or schema.
    """
    claims, provenance = evidence_in(document, path), document.get("provenance")
    return Run(path.stem, claims, provenance if isinstance(provenance, Mapping) else {})


def read_runs(paths: Iterable[Path]) -> list[Run]:
    """The runs in files of ``--claims-json``, in their order.

    Raises:
        InvalidInput: a file is damaged or of another kind, or two share no claim.
    """
    runs = [run_of(read_document(path), path) for path in paths]
    for run in runs[1:]:
        if not {claim["id"] for claim in run.claims} & {claim["id"] for claim in runs[0].claims}:
            raise InvalidInput(
                f"runs about the same claims are required, and {runs[0].name} and {run.name} share "
                "none: make a report of each"
            )
    return _named_apart(runs)


def _named_apart(runs: Sequence[Run]) -> list[Run]:
    names = [run.name for run in runs]
    return [
        replace(run, name=f"{run.name} ({n})") if names.count(run.name) > 1 else run
        for n, run in enumerate(runs, start=1)
    ]


def reported_claims(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """Every claim once, with what each run, tier and model says of it, in the registry's order."""
    found: dict[str, list[tuple[Run, Mapping[str, Any]]]] = {}
    for run in runs:
        for claim in run.claims:
            found.setdefault(claim["id"], []).append((run, claim))
    order = {claim: place for place, claim in enumerate(CLAIMS)}
    return [
        _claim(name, found[name])
        for name in sorted(found, key=lambda name: (order.get(name, len(order)), name))
    ]


def _claim(name: str, judged: Sequence[tuple[Run, Mapping[str, Any]]]) -> dict[str, Any]:
    _, first = judged[0]
    ablation = first.get("ablation")
    return {
        "name": name,
        "statement": str(first.get("statement", "")),
        "study": str(first.get("study", "")),
        "source": str(first.get("source", "")),
        "published": str(first.get("published", "")),
        "primary": bool(first.get("primary")),
        "instrument": name in CLAIMS and CLAIMS[name].instrument,
        "ablation": _ablation(ablation) if isinstance(ablation, Mapping) else "",
        "judgements": [_judgement(run, claim) for run, claim in judged],
    }


def _ablation(of: Mapping[str, Any]) -> str:
    return str(HeadsAblated(*(str(of.get(name, "?")) for name in ("mode", "scope", "bias"))))


def _judgement(run: Run, claim: Mapping[str, Any]) -> dict[str, Any]:
    corrected = claim.get("p_holm") is not None
    p = _figure(claim.get("p_holm") if corrected else claim.get("p"))
    verdicts = [part["verdict"] for part in claim["parts"]]
    return {
        "run": run.name,
        "tier": claim["tier"],
        "model": claim["model"],
        "verdict": claim["verdict"] or DETAILS_ONLY,
        "missing": ", ".join(map(str, claim["missing"])),
        "unproven": bool(claim.get("ablator_unproven")),
        "p": "" if p is None else f"{p:.2g}",
        "why": CORRECTED if corrected and _is_weaker(claim["verdict"], verdicts) else "",
        "family": ", ".join(map(str, claim["corrected_with"])),
        "parts": [_part(claim, part) for part in claim["parts"]],
        "details": [_part(claim, part) for part in claim["details"]],
    }


def _part(claim: Mapping[str, Any], part: Mapping[str, Any]) -> dict[str, Any]:
    criterion, evidence = _criterion(claim, part), _evidence(part)
    verdict = part["verdict"]
    shown: dict[str, Any] = {
        "part": part["part"],
        "of": part.get("of", ""),
        "metric": str(part.get("metric", "")),
        "published": str(part.get("published", "")),
        "required": criterion.requirement_in_full if criterion else _required(part),
        "verdict": verdict,
        "case": str(part.get("case", "")),
        "rule": "",
        "change": "",
        "forest": None,
    }
    if criterion is not None and verdict in set(Verdict):
        shown["rule"] = rule(criterion, evidence, Verdict(verdict))
        shown["change"] = what_would_change_it(criterion, evidence, Verdict(verdict))
    if isinstance(evidence, Blocked):
        return {**shown, "measured": evidence.reason, "n": "", "p": "", "note": ""}
    unit = Scale(part["unit"])
    interval = evidence.interval
    ends = "" if interval is None else f" [{unit.show(interval.low)}, {unit.show(interval.high)}]"
    return {
        **shown,
        "measured": f"{unit.show(evidence.estimate)}{ends} {unit}".rstrip().replace("-", "−"),
        "n": f"{evidence.n} {evidence.units}",
        "p": "" if evidence.p is None else f"{evidence.p:.2g}",
        "note": evidence.note,
        "forest": _forest(unit, evidence, criterion, shown["published"]),
    }


def _is_weaker(verdict: str | None, parts: Sequence[str]) -> bool:
    """Whether the verdict on a claim is not that of its parts together: Holm's correction."""
    known = set(Verdict)
    if verdict is None or not parts or not {verdict, *parts} <= known:
        return False
    return combine(map(Verdict, parts)) != verdict


def _criterion(claim: Mapping[str, Any], part: Mapping[str, Any]) -> Criterion | None:
    """The criterion that a part was judged by, if it is still that of the registry."""
    known = CLAIMS.get(claim["id"])
    criterion = None if known is None else known.criteria.get(part["part"])
    if criterion is None:
        return None
    now = (f"{criterion.bound} {criterion.threshold}", criterion.unit, criterion.null)
    then = (part.get("required"), part.get("unit"), part.get("null"))
    return criterion if now == then else None


def _required(part: Mapping[str, Any]) -> str:
    """What a part required, where the registry says something else today."""
    bound, _, threshold = str(part.get("required", "")).partition(" ")
    try:
        unit = Scale(part.get("unit", ""))
        return f"{bound} {unit.show(float(threshold))} {unit}".rstrip()
    except ValueError:
        return f"{bound} {threshold}".rstrip()


def _figure(value: Any) -> float | None:
    """A figure of a file; None where it is none."""
    try:
        return figure_from(value)
    except ValueError:
        return None


def _evidence(part: Mapping[str, Any]) -> Evidence | Blocked:
    if "blocked" in part:
        return Blocked(part["blocked"])
    interval = part.get("interval")
    try:
        Scale(part["unit"])
        given = {name: part.get(name) for name in ("unablated", "noise")}
        numbers = {name: float(value) for name, value in given.items() if value is not None}
        return Evidence(
            float(part["estimate"]),
            None if interval is None else Interval(*map(float, interval)),
            part["n"],
            part["units"],
            p=part.get("p"),
            **numbers,
            note=part.get("note", ""),
            invalid=str(part.get("invalid") or ""),
        )
    except (KeyError, TypeError, ValueError, InvalidInput):
        # Details are checked less closely than parts where evidence is read.
        return Blocked("what was measured cannot be read")


def _forest(
    unit: Scale, evidence: Evidence, criterion: Criterion | None, published: str
) -> dict[str, Any] | None:
    """A row of the forest plot, in the unit shown; None where nothing of it is finite."""
    scale = 100 if unit in (Scale.POINTS, Scale.PERCENT) else 1

    def scaled(figure: float | None) -> float | None:
        finite = figure is not None and math.isfinite(figure)
        return scale * figure if finite and figure is not None else None

    estimate = scaled(evidence.estimate)
    if estimate is None:
        return None
    low, high = evidence.interval or (None, None)
    return {
        # What has the same unit shares an axis; plain numbers are of anything.
        "panel": PANELS.get(unit) or (criterion.metric if criterion else "number"),
        "estimate": estimate,
        "low": scaled(low),
        "high": scaled(high),
        "margin": scaled(criterion.threshold) if criterion else None,
        "published": _number(published),
    }


def _number(text: str) -> float | None:
    """The published figure that a text begins with, as in "23.6", "−0.3%", "> 3.2 together"."""
    found = re.match(r"[≈>≥<≤~ ]*([+-]?\d+(?:\.\d+)?)", text.replace("−", "-"))
    return None if found is None else float(found[1])


def forest_rows(claims: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """One row for each criterion that was measured, of every run."""
    return [
        {
            "label": f"{claim['name']} {part['part']}".rstrip(),
            "claim": claim["name"],
            "study": claim["study"],
            "statement": claim["statement"],
            **{name: judgement[name] for name in ("run", "tier", "model")},
            "verdict": part["verdict"],
            "verdict_of_claim": judgement["verdict"],
            **{name: part[name] for name in ("measured", "n", "p")},
            "href": f"#claim/{in_address(claim['name'])}",
            **part["forest"],
        }
        for claim in claims
        for judgement in claim["judgements"]
        for part in judgement["parts"]
        if part["forest"] is not None
    ]


def not_drawn(claims: Sequence[Mapping[str, Any]]) -> list[str]:
    """The criteria that have no row in the plot, as nothing finite was measured."""
    return [
        f"{claim['name']} {part['part']}".rstrip() + f" ({judgement['model']}, {judgement['tier']})"
        for claim in claims
        for judgement in claim["judgements"]
        for part in judgement["parts"]
        if part["forest"] is None
    ]


def beside(
    judgements: Sequence[Mapping[str, Any]],
) -> list[tuple[str, list[Mapping[str, Any] | None]]]:
    """For each part, what every one of several judgements says of it; None: nothing."""
    by_part = [{part["part"]: part for part in one["parts"]} for one in judgements]
    parts = dict.fromkeys(part for of in by_part for part in of)
    return [(part, [of.get(part) for of in by_part]) for part in parts] if by_part[1:] else []


def moved(claims: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The parts of which several runs say different things, on the same model and tier."""
    rows = []
    for claim in claims:
        by_part: dict[tuple[str, str, str], dict[str, tuple[str, str]]] = {}
        for judgement in claim["judgements"]:
            for part in judgement["parts"]:
                key = (part["part"], judgement["tier"], judgement["model"])
                said = (part["verdict"], part["measured"])
                by_part.setdefault(key, {})[judgement["run"]] = said
        rows += [
            {"claim": claim["name"], "part": part, "tier": tier, "model": model, "said": told}
            for (part, tier, model), told in by_part.items()
            if len(set(told.values())) > 1
        ]
    return rows
