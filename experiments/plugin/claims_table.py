"""The table at the end of a run: claim, model, published, measured, outcome.

A case says which claim it judges with ``@pytest.mark.claim("A1")`` and what it measured with the
fixture ``measured``. Both travel in the test report's properties, so the table is the same with
and without xdist, and JUnit files hold them too.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from ablation.errors import InvalidInput
from experiments.claims import CLAIMS
from experiments.plugin.options import chosen_spec

_CLAIM, _MODEL, _MEASURED = "claim", "model", "measured"


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "claim(id, part): the case judges this claim, or a part of it"
    )


@pytest.fixture
def measured(
    request: pytest.FixtureRequest, record_property: Callable[[str, object], None]
) -> Callable[[str], None]:
    """Call it with what was measured, before asserting; one short phrase for the table."""
    marker = request.node.get_closest_marker("claim")
    if marker is None or marker.args[0] not in CLAIMS:
        raise InvalidInput(f"mark the case with @pytest.mark.claim(one of {', '.join(CLAIMS)})")

    # Before the case runs: one that breaks before it has measured anything is in the table, too.
    record_property(_CLAIM, marker.args[0])
    record_property(_MODEL, chosen_spec(request.config).key)
    return lambda figure: record_property(_MEASURED, figure)


@dataclass(frozen=True)
class _Row:
    claim: str
    model: str
    measured: str
    outcome: str


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    rows = [
        row
        for reports in terminalreporter.stats.values()
        for report in reports
        if (row := _row(report)) is not None
    ]
    if not rows:
        return
    terminalreporter.write_sep("=", "claims")
    by_claim: dict[tuple[str, str], list[_Row]] = {}
    for row in rows:
        by_claim.setdefault((row.claim, row.model), []).append(row)
    for (claim, model), cases in sorted(by_claim.items()):
        terminalreporter.write_line(
            f"{claim} on {model}: {CLAIMS[claim].statement} "
            f"[published: {CLAIMS[claim].published}]: {_verdict(cases)}"
        )
        for row in sorted(cases, key=lambda row: row.measured):
            terminalreporter.write_line(f"   {row.outcome:<14} {row.measured}")


def _row(report: object) -> _Row | None:
    properties = dict(getattr(report, "user_properties", ()))
    if getattr(report, "when", None) != "call" or _CLAIM not in properties:
        return None
    figure = properties.get(_MEASURED)
    return _Row(
        properties[_CLAIM],
        properties[_MODEL],
        figure or f"nothing measured: {getattr(report, 'nodeid', '')}",
        _outcome(report) if figure or _is_skip(report) else "ERROR",
    )


def _is_skip(report: object) -> bool:
    return bool(getattr(report, "skipped", False)) and not hasattr(report, "wasxfail")


def _outcome(report: object) -> str:
    if _is_skip(report):
        return "skipped"
    if hasattr(report, "wasxfail"):
        return "known not to"
    # pytest makes a strict xfail that passes a failure with this text.
    if str(getattr(report, "longrepr", "")).startswith("[XPASS(strict)]"):
        return "HOLDS AFTER ALL"
    return "holds" if report.passed else "DOES NOT HOLD"  # type: ignore[attr-defined]


def _verdict(cases: list[_Row]) -> str:
    counts = Counter(row.outcome for row in cases)
    return ", ".join(f"{outcome} {n}/{len(cases)}" for outcome, n in counts.most_common())
