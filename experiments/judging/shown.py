"""The table of claims as lines of text: what was measured, and what that says."""

from collections.abc import Sequence

from experiments.judging.claim import Claim, Criterion
from experiments.judging.report import ClaimResult, Finding
from experiments.judging.verdict import Blocked, Evidence, Verdict, units_to_tell

CHECKS = "checks of the ablator"

HEAD = ("claim", "tier", "model", "published", "measured [95% interval]", "n", "p", "verdict")


def shown(criterion: Criterion, evidence: Evidence | Blocked) -> str:
    """What was measured, with its interval and unit."""
    if isinstance(evidence, Blocked):
        return evidence.reason
    show = criterion.unit.show
    interval = (
        "no interval"
        if evidence.interval is None
        else f"{show(evidence.interval.low)}, {show(evidence.interval.high)}"
    )
    return f"{show(evidence.estimate)} [{interval}] {criterion.unit}".rstrip()


def described(claim: Claim, finding: Finding) -> str:
    """The verdict; and where it leaves the size open, about how many units would tell."""
    if finding.verdict is not Verdict.SIZE_OPEN or isinstance(finding.evidence, Blocked):
        return str(finding.verdict)
    needed = units_to_tell(claim.criterion(finding.part), finding.evidence)
    return f"{finding.verdict} (n ≈ {needed})" if needed else str(finding.verdict)


def table(results: Sequence[ClaimResult]) -> list[str]:
    """The lines of the table: every claim once, the parts of a claim below it.

    Checks of the ablator come last, below a line of their own.
    """
    claims = [row for result in results if not result.claim.instrument for row in rows_of(result)]
    checks = [row for result in results if result.claim.instrument for row in rows_of(result)]
    lines = aligned([HEAD, *claims, *checks])
    if checks:
        lines.insert(1 + len(claims), CHECKS)
    return lines


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """A line for each row, with columns below each other."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def rows_of(result: ClaimResult) -> list[tuple[str, ...]]:
    """A claim's cells, below ``HEAD``; after it those of its parts, indented, if it has several."""
    claim = result.claim
    where = (claim.id + ("*" if claim.primary else ""), result.tier, result.model)
    judged = {finding.part for finding in result.parts}
    if judged == {""} and len(result.parts) == 1:
        (finding,) = result.parts
        # Another verdict than the finding's own is Holm's.
        corrected = finding.verdict != result.verdict
        said = str(result.verdict) if corrected else described(claim, finding)
        return [(*where, *_cells(claim, finding, _p(result)), said + result.doubt)]
    rows: list[tuple[str, ...]] = [(*where, "", "", "", _p(result), result.described)]
    for finding in result.parts:
        p = getattr(finding.evidence, "p", None)
        cells = _cells(claim, finding, "" if p is None else f"{p:.2g}")
        rows.append((f"  {finding.part}", "", "", *cells, described(claim, finding)))
    return rows


def _cells(claim: Claim, finding: Finding, p: str) -> tuple[str, str, str, str]:
    criterion, evidence = claim.criterion(finding.part), finding.evidence
    n = "" if isinstance(evidence, Blocked) else f"{evidence.n} {evidence.units}"
    return criterion.published, shown(criterion, evidence), n, p


def _p(result: ClaimResult) -> str:
    if result.p is None:
        return ""
    if result.p_holm is None or result.p_holm == result.p:
        return f"{result.p:.2g}"
    return f"{result.p_holm:.2g} (Holm)"
