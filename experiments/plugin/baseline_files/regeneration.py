"""Baselines that a run writes: at its end, all of them or none, with old and new figures.

Cases leave new documents in folders of their own; the process that reports the run puts them into
place, whatever the number of workers. Where a verdict has moved nothing is written without
``--accept-verdict-change``: new figures that turn a claim over want a decision, not a flag that
was meant for rounding.
"""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from experiments.judging.baselines.reading import parse_document, read_baseline
from experiments.machine.files.json_files import storing, write_text

WRITTEN, PENDING, TOLERATED = "baseline_written", "baseline_pending", "baseline_within_tolerance"
"""Properties of a case: its baseline's file, the new document, what only a tolerance lets pass."""

MOVED_VERDICTS = pytest.StashKey[list[str]]()
"""Lines about verdicts that are not the stored ones; whoever judges puts them there."""

NOT_COMPARED = "provenance"
_SHOWN = 20

_WHERE = (
    ("cpu", "name"), ("cpu", "capability"), ("versions", "torch"), ("versions", "transformers"),
    ("device",), ("threads",), ("engine",), ("attention",),
)  # fmt: skip
"""What of the provenance decides in which order sums run."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.getgroup("headclaims").addoption(
        "--accept-verdict-change",
        action="store_true",
        help="write baselines and evidence although a verdict has moved",
    )


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(_Regeneration(config), "headclaims-regeneration")


class _Regeneration:
    """Gathers what cases want written, and writes it when the run is over."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._pending: dict[str, Path] = {}
        self._tolerated: list[str] = []
        self._written: dict[str, list[str]] = {}
        self._refused = False

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when != "teardown":
            return
        properties = dict(report.user_properties)
        if WRITTEN in properties:
            self._pending[str(properties[WRITTEN])] = Path(str(properties[PENDING]))
        if TOLERATED in properties:
            self._tolerated.append(str(properties[TOLERATED]))

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        moved = self._config.stash.get(MOVED_VERDICTS, [])
        self._refused = bool(moved) and not self._config.getoption("accept_verdict_change")
        if self._refused:
            if self._pending and session.exitstatus == pytest.ExitCode.OK:
                session.exitstatus = pytest.ExitCode.TESTS_FAILED
            return
        for name, pending in sorted(self._pending.items()):
            path, text = self._config.rootpath / name, pending.read_text(encoding="utf-8")
            self._written[name] = _rewritten(path, parse_document(text))
            with storing(path):
                path.parent.mkdir(parents=True, exist_ok=True)
                write_text(path, text)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self._tolerated:
            terminalreporter.write_line(f"baselines within tolerance ({len(self._tolerated)}):")
            for line in sorted(self._tolerated):
                terminalreporter.write_line(f"  {line}")
        names = ", ".join(sorted(self._pending))
        if self._pending and self._refused:
            terminalreporter.write_line(
                f"baselines NOT WRITTEN ({len(self._pending)}): {names}: a verdict moved; if that "
                "is right, say --accept-verdict-change",
                red=True,
            )
        elif self._pending:
            terminalreporter.write_line(f"baselines written ({len(self._pending)}): {names}")
            for name, lines in self._written.items():
                for line in lines:
                    terminalreporter.write_line(f"  {name}: {line}")


def changes(old: object, new: object) -> list[str]:
    """What differs between two documents, figure by figure: old, new and their difference."""
    before, after = dict(_figures(old)), dict(_figures(new))
    lines = [
        f"{path}: {_shown(before.get(path))} → {_shown(after.get(path))}"
        f"{_difference(before.get(path), after.get(path))}"
        for path in dict.fromkeys([*before, *after])
        if before.get(path, _LACKING) != after.get(path, _LACKING)
    ]
    more = len(lines) - _SHOWN
    return [*lines[:_SHOWN], *([f"… and {more} more"] if more > 0 else [])] or ["unchanged"]


_LACKING = object()


def elsewhere(stored: Mapping[str, Any], here: Mapping[str, Any]) -> str:
    """In which respects a baseline was made elsewhere."""
    differing = [".".join(path) for path in _WHERE if _at(stored, path) != _at(here, path)]
    return f"made with another {', '.join(differing)}" if differing else "made on such a machine"


def relative_name(path: Path, config: pytest.Config) -> str:
    """The file as reports name it: from the root of the project, with ``/`` between folders."""
    return os.path.relpath(path, config.rootpath).replace(os.sep, "/")


def _rewritten(path: Path, new: object) -> list[str]:
    """What becomes of the baseline in ``path``."""
    if not path.exists():
        return ["new"]
    try:
        old = read_baseline(path)
    except (OSError, ValueError) as error:
        return [f"was damaged ({error})"]
    return changes(old, new)


def _figures(value: object, parts: Sequence[str] = ()) -> Iterator[tuple[str, object]]:
    if isinstance(value, Mapping):
        inner: Iterable[tuple[Any, object]] = value.items()
    elif isinstance(value, list):
        inner = enumerate(value)
    else:
        yield ".".join(parts), value
        return
    for key, item in inner:
        if parts or key != NOT_COMPARED:
            yield from _figures(item, (*parts, str(key)))


def _shown(value: object) -> str:
    return "nothing" if value is None else str(value)


def _difference(old: object, new: object) -> str:
    if any(isinstance(value, bool) or not isinstance(value, int | float) for value in (old, new)):
        return ""
    return f" ({new - old:+.3g})"  # type: ignore[operator]


def _at(document: Any, path: Sequence[str]) -> object:
    for key in path:
        document = document.get(key) if isinstance(document, Mapping) else None
    return document
