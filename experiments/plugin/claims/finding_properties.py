"""Findings in test reports: as properties, flat, so that a JUnit file is readable."""

from collections.abc import Iterable
from typing import Any

import pytest

from ablation.stats.interval import Interval
from experiments.claims import CLAIMS
from experiments.judging.report import Finding
from experiments.judging.shown import shown
from experiments.judging.verdict import Blocked, Evidence, Verdict

Property = tuple[str, object]

FINDINGS = "headclaims-findings"
"""What pytest calls the plugin that gathers the findings of a run."""

STORED_EVIDENCE = pytest.StashKey[list[dict[str, Any]]]()
"""The claims whose evidence the checkout keeps."""

PREFIX = "claim."
"""Of the properties' names: other tests may record properties of their own."""


def properties_of(finding: Finding) -> list[Property]:
    """The properties of a finding; ``finding_from`` reads them."""
    evidence = finding.evidence
    criterion = CLAIMS[finding.claim].criterion(finding.part)
    values: dict[str, object] = {
        "id": finding.claim,
        "part": finding.part,
        "tier": str(finding.tier),
        "model": finding.model,
        "of": finding.of,
        "case": finding.case,
        "published": criterion.published,
        "required": criterion.requirement,
        "measured": shown(criterion, evidence),
        "verdict": str(finding.verdict),
    }
    if isinstance(evidence, Blocked):
        values |= {"reason": evidence.reason, "missing": evidence.missing}
    else:
        low, high = evidence.interval or (None, None)
        values |= {
            "estimate": evidence.estimate,
            "low": low,
            "high": high,
            "n": evidence.n,
            "units": evidence.units,
            "p": evidence.p,
            "unablated": evidence.unablated,
            "noise": evidence.noise,
            "note": evidence.note,
            "invalid": evidence.invalid,
        }
    return [(PREFIX + name, value) for name, value in values.items() if value is not None]


def without_finding(properties: Iterable[Property]) -> list[Property]:
    """The properties that are not of a finding."""
    return [(name, value) for name, value in properties if not name.startswith(PREFIX)]


def finding_from(properties: Iterable[Property]) -> Finding | None:
    """The finding among a report's properties; None if there is none."""
    values: dict[str, Any] = {
        name.removeprefix(PREFIX): value for name, value in properties if name.startswith(PREFIX)
    }
    if not values:
        return None
    evidence: Evidence | Blocked
    if "reason" in values:
        evidence = Blocked(values["reason"], values["missing"])
    else:
        evidence = Evidence(
            values["estimate"],
            Interval(values["low"], values["high"]) if "low" in values else None,
            values["n"],
            values["units"],
            p=values.get("p"),
            unablated=values.get("unablated"),
            noise=values["noise"],
            note=values["note"],
            invalid=values["invalid"],
        )
    return Finding(
        claim=values["id"],
        **{name: values[name] for name in ("part", "tier", "model", "of", "case")},
        evidence=evidence,
        verdict=Verdict(values["verdict"]),
    )


def mark_refuted(report: pytest.TestReport) -> None:
    """Says of a report that its case failed because what it measured refutes a claim."""
    report.refuted = True  # type: ignore[attr-defined]


def is_broken(report: pytest.TestReport) -> bool:
    """Whether a case failed, and not because what it measured refutes a claim."""
    return report.failed and not getattr(report, "refuted", False)
