"""A plugin of pytest that says which of the heavy packages a run has imported."""

import sys

import pytest

HEAVY = ("torch", "transformers", "scipy.special")
"""The last is what all heavy parts of SciPy import."""


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    found = [name for name in HEAVY if name in sys.modules]
    terminalreporter.write_line(f"IMPORTED: {' '.join(found)}")
