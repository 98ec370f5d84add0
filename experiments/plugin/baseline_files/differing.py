"""Baselines that differ: what a case says of its own, and the table of all at the end of a run."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from experiments.judging.baselines.changed import HEAD
from experiments.judging.baselines.comparison import (
    Tolerance,
    differences,
)
from experiments.judging.baselines.reading import parse_document, read_baseline
from experiments.judging.shown import aligned
from experiments.plugin.baseline_files.regeneration import NOT_COMPARED, elsewhere

DIFFERS = "baseline_differs"
"""Property of a case: rows of the table."""

DIFFERING_ROWS = pytest.StashKey[list[list[str]]]()
"""All rows of a run, in the process that reports it."""

_SHOWN = 50
_REGENERATE = (
    "if the new figures are right, rerun with --force-regen (rewrites what differs) or --regen-all "
    "(rewrites every file) and review the diff"
)


def compare_files(
    obtained: Path,
    expected: Path,
    tolerances: Mapping[str, Tolerance],
    note: Callable[[list[list[str]]], object],
) -> str:
    """What only a tolerance lets pass, in words.

    Args:
        obtained: what was computed now.
        expected: the baseline.
        tolerances: see ``experiments.judging.baselines.comparison``.
        note: is told figure, old, new and difference of what none of them lets pass.

    Raises:
        AssertionError: there is such, or the baseline is damaged.
    """
    __tracebackhide__ = True
    try:
        stored = read_baseline(expected)
    except ValueError as error:  # of JSON or of UTF-8
        # An AssertionError, as --force-regen rewrites a file only after one.
        raise AssertionError(
            f"{expected} is damaged ({error}): restore or rewrite it (--force-regen, --regen-all)"
        ) from None
    now = parse_document(obtained.read_text(encoding="utf-8"))
    found = differences(stored, now, tolerances, not_compared=(NOT_COMPARED,))
    if found:
        lines = [one.line for one in found[:_SHOWN]]
        if len(found) > len(lines):
            lines.append(f"… and {len(found) - len(lines)} more")
        message = [
            f"differences from the baseline: {len(found)}",
            *(f"  {line}" for line in lines),
            f"expected: {expected}",
            f"obtained: {obtained}",
            _REGENERATE,
        ]
        more = [] if len(found) == len(found[:_SHOWN]) else [[lines[-1], "", "", ""]]
        note([*(one.row for one in found[:_SHOWN]), *more])
        raise AssertionError("\n".join(message))
    tolerated = differences(stored, now, {}, not_compared=(NOT_COMPARED,))
    if not tolerated:
        return ""
    before, here = (one.get(NOT_COMPARED, {}) for one in (stored, now))  # type: ignore[attr-defined]
    return f"{len(tolerated)} of its figures differ; {elsewhere(before, here)}"


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(_Table(config), "headclaims-differing")


class _Table:
    """Gathers the rows of all cases, and shows them together."""

    def __init__(self, config: pytest.Config) -> None:
        self._rows: list[list[str]] = []
        config.stash[DIFFERING_ROWS] = self._rows

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "teardown":
            self._rows += dict(report.user_properties).get(DIFFERS, [])  # type: ignore[arg-type]

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if not self._rows:
            return
        terminalreporter.write_sep("=", "baselines that differ")
        for line in aligned([HEAD, *sorted(self._rows)]):
            terminalreporter.write_line(line)
