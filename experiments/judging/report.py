"""From what the cases found to one verdict a claim: the table, and the document of it."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from ablation.errors import shortened
from ablation.stats.multiplicity import holm
from experiments.judging.claim import DETAILS_ONLY, Claim
from experiments.judging.verdict import ALPHA, Blocked, Evidence, Verdict, combine

SCHEMA = 1
"""Of the document; raised when its keys change their meaning."""

FAILED = (Verdict.NOT_REPRODUCED, Verdict.INCONCLUSIVE)
"""The verdicts by which a check of the ablator has failed; INCONCLUSIVE where its case broke."""

UNPROVEN = " (ablator unproven)"
"""Stands behind a verdict that rests on an ablator which has failed a check."""

SHOWN = (Verdict.REPRODUCED, Verdict.SIZE_OPEN, Verdict.DIRECTION_ONLY)
"""The verdicts by which an effect is there."""


@dataclass(frozen=True)
class Finding:
    """What one case found.

    Attributes:
        claim, part: what it judged.
        tier, model: on what.
        of: the subset it is about, such as one cell; "" if it carries the claim's verdict.
        evidence: what was measured, or why nothing could be.
        verdict: by the rules.
        case: node id of the case.
    """

    claim: str
    part: str
    tier: str
    model: str
    of: str
    evidence: Evidence | Blocked
    verdict: Verdict
    case: str = ""


@dataclass(frozen=True)
class ClaimResult:
    """One claim on one model in one tier.

    Attributes:
        claim: the entry.
        tier, model: on what.
        parts: what carries the verdict, in the order of the criteria.
        details: the rest.
        verdict: of the parts together, after Holm's correction for a claim that is not primary;
            None where only details were judged.
        p: the largest of the parts' p; None where no part has one.
        p_holm: after the correction; None for a primary claim.
        corrected_with: the claims of the family that this run has judged.
        ablator_unproven: heads were ablated by an ablator that a check of it, in the same run on
            the same model, has not shown to be right.
    """

    claim: Claim
    tier: str
    model: str
    parts: tuple[Finding, ...]
    details: tuple[Finding, ...]
    verdict: Verdict | None
    p: float | None
    p_holm: float | None = None
    corrected_with: tuple[str, ...] = ()
    ablator_unproven: bool = False

    @property
    def missing(self) -> list[str]:
        """The parts that were not judged."""
        judged = {finding.part for finding in self.parts}
        return [part for part in self.claim.criteria if part not in judged]

    @property
    def described(self) -> str:
        """The verdict, and how much of the claim it is about."""
        if self.verdict is None:
            return DETAILS_ONLY
        of = f" (without {len(self.missing)} of {len(self.claim.criteria)} parts)"
        return f"{self.verdict}{of if self.missing else ''}{self.doubt}"

    @property
    def doubt(self) -> str:
        """What is to be said behind every verdict of the claim."""
        return UNPROVEN if self.ablator_unproven else ""


def summarise(findings: Iterable[Finding], claims: Mapping[str, Claim]) -> list[ClaimResult]:
    """One result for each claim, tier and model, in the order of the registry.

    The parts of a claim must all hold, so its p is the largest of theirs (an intersection-union
    test needs no correction). The claims of a study but its primary one are a family, corrected for
    their number (Holm 1979), whichever of them a run has judged: the others count as not shown. One
    that does not survive that is INCONCLUSIVE.
    """
    grouped: dict[tuple[str, str, str], list[Finding]] = {}
    for finding in findings:
        key = (finding.claim, finding.tier, finding.model)
        grouped.setdefault(key, []).append(finding)
    order = {claim: place for place, claim in enumerate(claims)}
    results = [
        _summarise_one(claims[claim], tier, model, found)
        for (claim, tier, model), found in sorted(
            grouped.items(), key=lambda item: (order[item[0][0]], *item[0][1:])
        )
    ]
    return _doubted(_corrected(results, claims))


def _doubted(results: Sequence[ClaimResult]) -> list[ClaimResult]:
    """Those that rest on an ablator which has failed a check of it say so.

    What is of a study's own model is of tier paper for its claims and of another for the rest, so
    models are compared and not tiers.
    """
    failed = {
        result.model for result in results if result.claim.instrument and result.verdict in FAILED
    }
    return [
        replace(
            result,
            ablator_unproven=result.model in failed
            and result.claim.ablation is not None
            and not result.claim.instrument,
        )
        for result in results
    ]


def _summarise_one(claim: Claim, tier: str, model: str, found: Sequence[Finding]) -> ClaimResult:
    places = {part: place for place, part in enumerate(claim.criteria)}
    ordered = sorted(found, key=lambda finding: (places[finding.part], finding.of, finding.case))
    parts = tuple(finding for finding in ordered if not finding.of)
    verdict = combine(finding.verdict for finding in parts) if parts else None
    p_values = [p for finding in parts if (p := _p_for(claim, finding)) is not None]
    return ClaimResult(
        claim,
        tier,
        model,
        parts,
        tuple(finding for finding in ordered if finding.of),
        verdict,
        max(p_values, default=None),
    )


def _p_for(claim: Claim, finding: Finding) -> float | None:
    """The p of a finding; 1 where a two-sided test found the opposite."""
    evidence = finding.evidence
    if isinstance(evidence, Blocked) or evidence.p is None:
        return None
    return evidence.p if claim.criterion(finding.part).speaks_for(evidence.estimate) else 1.0


def _corrected(results: list[ClaimResult], claims: Mapping[str, Claim]) -> list[ClaimResult]:
    families: dict[tuple[str, str, str], list[int]] = {}
    for place, result in enumerate(results):
        if result.p is not None and _is_of_a_family(result.claim):
            key = (result.claim.study, result.tier, result.model)
            families.setdefault(key, []).append(place)
    for places in families.values():
        p_values = [p for place in places if (p := results[place].p) is not None]
        family = tuple(results[place].claim.id for place in places)
        study = results[places[0]].claim.study
        members = sum(claim.study == study and _is_of_a_family(claim) for claim in claims.values())
        others = [1.0] * (members - len(places))
        corrected = holm([*p_values, *others])[: len(places)]
        for place, adjusted in zip(places, corrected, strict=True):
            result = results[place]
            shown = result.verdict in SHOWN
            verdict = Verdict.INCONCLUSIVE if shown and adjusted > ALPHA else result.verdict
            results[place] = replace(
                result, verdict=verdict, p_holm=adjusted, corrected_with=family
            )
    return results


def _is_of_a_family(claim: Claim) -> bool:
    return not (claim.primary or claim.instrument)


def report_document(results: Sequence[ClaimResult]) -> dict[str, Any]:
    """The results as JSON."""
    return {"schema": SCHEMA, "claims": [_claim_document(result) for result in results]}


def _claim_document(result: ClaimResult) -> dict[str, Any]:
    claim = result.claim
    return {
        "id": claim.id,
        "statement": claim.statement,
        "study": claim.study,
        "source": claim.source,
        "published": claim.published,
        "ablation": asdict(claim.ablation) if claim.ablation else None,
        "primary": claim.primary,
        "tier": result.tier,
        "model": result.model,
        "verdict": None if result.verdict is None else str(result.verdict),
        "missing": result.missing,
        "p": result.p,
        "p_holm": result.p_holm,
        "corrected_with": list(result.corrected_with),
        "ablator_unproven": result.ablator_unproven,
        "parts": [_finding_document(claim, finding) for finding in result.parts],
        "details": [_finding_document(claim, finding) for finding in result.details],
    }


def _finding_document(claim: Claim, finding: Finding) -> dict[str, Any]:
    """One finding as JSON, with the criterion it was judged by."""
    criterion = claim.criterion(finding.part)
    return {
        "part": finding.part,
        "of": finding.of,
        "metric": criterion.metric,
        "unit": str(criterion.unit),
        "required": f"{criterion.bound} {criterion.threshold}",
        "null": criterion.null,
        "published": criterion.published,
        **_evidence_document(finding.evidence),
        "verdict": str(finding.verdict),
        "case": finding.case,
    }


def _evidence_document(evidence: Evidence | Blocked) -> dict[str, Any]:
    """Evidence as JSON."""
    if isinstance(evidence, Blocked):
        return {"blocked": evidence.reason}
    interval = None if evidence.interval is None else [*map(written, evidence.interval)]
    numbers = {
        name: written(figure)
        for name in ("estimate", "p", "unablated", "noise")
        if (figure := getattr(evidence, name)) is not None
    }
    return {**asdict(evidence), **numbers, "interval": interval}


def written(figure: float) -> float | str:
    """A figure as JSON, which knows no infinity: a ratio to nothing is written as text."""
    return figure if math.isfinite(figure) else str(figure)


def figure_from(value: object) -> float:
    """The figure that ``written`` wrote.

    Raises:
        ValueError: it is none, or larger than any float.
    """
    infinite = value in ("inf", "-inf")
    if not infinite and (isinstance(value, bool) or not isinstance(value, int | float)):
        raise ValueError(f"not a figure: {shortened(value)}")
    try:
        figure = float(value)  # type: ignore[arg-type]
    except OverflowError:
        raise ValueError(f"larger than any float: {shortened(value)}") from None
    if math.isnan(figure):
        raise ValueError("not a number")
    return figure
