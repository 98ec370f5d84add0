"""Progress under pytest: what all processes of the run are computing, and at the end what it took.

On a terminal a live line below pytest's own; in a log, and under ``-s``, a line now and then;
nothing with ``-q -q``.
"""

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from experiments.store.progress.display import Display, is_live
from experiments.store.progress.state import Progress, duration
from experiments.store.watch import Journal, Unwatched, Watch

_FOLDER = pytest.StashKey[Path]()
_FOLDER_OF = "headclaims_progress_folder"
SILENT = -2
"""The verbosity of ``-q -q``."""


def pytest_configure(config: pytest.Config) -> None:
    worker: dict[str, Any] | None = getattr(config, "workerinput", None)
    if worker is not None:
        config.stash[_FOLDER] = Path(worker[_FOLDER_OF])
    elif not config.getoption("collectonly"):
        config.stash[_FOLDER] = Path(tempfile.mkdtemp(prefix="headclaims-progress-"))
        config.pluginmanager.register(_Shown(config), "headclaims-progress")


def pytest_unconfigure(config: pytest.Config) -> None:
    folder = config.stash.get(_FOLDER, None)
    if folder is not None and not hasattr(config, "workerinput"):
        shutil.rmtree(folder, ignore_errors=True)


def told_results(config: pytest.Config) -> str:
    """How many results the run has computed, and how many it took from the store."""
    progress = Progress(config.stash[_FOLDER])
    progress.update()
    return f"{progress.computed} results computed, {progress.from_store} taken from the store"


def watch_of(config: pytest.Config) -> Watch:
    """What the store of this process is watched by."""
    folder = config.stash.get(_FOLDER, None)
    if folder is None:
        return Unwatched()
    who = os.environ.get("PYTEST_XDIST_WORKER", "")
    return Journal(folder / f"{who or 'main'}-{os.getpid()}.jsonl", who)


class _Shown:
    """Shows the progress of all processes, in the one that has the terminal."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._started = time.monotonic()
        self._progress = Progress(config.stash[_FOLDER])
        self._display: Display | None = None

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        node.workerinput[_FOLDER_OF] = str(self._config.stash[_FOLDER])

    def pytest_sessionstart(self) -> None:
        reporting = self._config.pluginmanager.has_plugin("terminalreporter")
        if self._config.get_verbosity() <= SILENT or not reporting:
            return
        writer = self._config.get_terminal_writer()
        stream = getattr(writer, "_file", None)
        if stream is None:
            return
        # What is printed under -s is nowhere in particular.
        live = is_live(stream) and self._config.getoption("capture") != "no"
        try:
            # While a case runs in this process its output is captured: a way around that.
            stream = os.fdopen(os.dup(stream.fileno()), "w", encoding="utf-8", errors="replace")
        except (OSError, ValueError):
            return
        self._display = Display(
            self._progress, stream, lambda: writer.width_of_current_line, live=live
        )
        self._display.start()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_logstart(self) -> Iterator[None]:
        yield from self._alone()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_logreport(self) -> Iterator[None]:
        yield from self._alone()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_logfinish(self) -> Iterator[None]:
        yield from self._alone()

    def _alone(self) -> Iterator[None]:
        """Lets pytest write without a line of ours below or between."""
        if self._display is None:
            return (yield)
        with self._display.lock:
            self._display.clear()
            return (yield)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self) -> None:
        if self._display is not None:
            self._display.stop()

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        self._progress.update()
        computed, found = self._progress.computed, self._progress.from_store
        if (computed or found) and self._config.get_verbosity() > SILENT:
            took = duration(time.monotonic() - self._started)
            terminalreporter.write_line(
                f"results: {computed} computed, {found} taken from the store, in {took}"
            )
