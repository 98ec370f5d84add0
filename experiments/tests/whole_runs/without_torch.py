"""A plugin of pytest that says whether a run has imported what judging does without."""

import sys

import pytest

HEAVY = ("torch", "transformers")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    found = [name for name in HEAVY if name in sys.modules]
    terminalreporter.write_line(f"IMPORTED: {', '.join(found) or 'nothing heavy'}")
