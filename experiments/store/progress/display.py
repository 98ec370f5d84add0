"""Shows the line of a ``Progress``: alive at the foot of a terminal, now and then in a log."""

import os
import shutil
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TextIO

from experiments.store.progress.state import Progress

REFRESH = 1.0
"""Seconds between two states of a live line."""

IN_A_LOG = 30.0
"""Seconds between two lines of a log, at least."""


def is_live(stream: TextIO, environment: Mapping[str, str] = os.environ) -> bool:
    """Whether a line can be drawn over again there: on a terminal that is looked at."""
    return stream.isatty() and environment.get("TERM", "dumb") != "dumb" and "CI" not in environment


class Display:
    """Shows ``progress`` on ``stream`` from a thread of its own, until it is stopped.

    Args:
        progress: what is shown.
        stream: the terminal or log.
        column: where the line above, somebody else's, ends just now.
        live: draw one line over and over.
        every: seconds between two looks.
    """

    def __init__(
        self,
        progress: Progress,
        stream: TextIO,
        column: Callable[[], int],
        *,
        live: bool,
        every: float | None = None,
    ) -> None:
        self._progress, self._stream, self._column, self._live = progress, stream, column, live
        self._every = every if every is not None else REFRESH if live else IN_A_LOG
        self._drawn = False
        self._stopped = threading.Event()
        self.lock = threading.RLock()
        """Held by whoever else writes to the stream."""
        self._thread = threading.Thread(target=self._run, name="headclaims-progress", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Ends the thread and takes a live line away."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()
        self.clear()

    def clear(self) -> None:
        """Takes a live line away, before somebody else writes."""
        with self.lock:
            if self._drawn:
                self._below("")
                self._drawn = False

    def _run(self) -> None:
        while not self._stopped.wait(self._every):
            with self.lock, suppress(OSError, ValueError):  # a stream that is closed meanwhile
                self._progress.update()
                self._show(self._progress.line())

    def _show(self, line: str | None) -> None:
        if self._live:
            if line is not None:
                self._below(line[: self._width() - 1])
                self._drawn = True
            else:
                self.clear()
        elif line is not None:
            newline = "\n" if self._column() else ""
            self._stream.write(f"{newline}progress: {line}\n")
            self._stream.flush()

    def _width(self) -> int:
        try:
            return os.get_terminal_size(self._stream.fileno()).columns
        except (OSError, ValueError):  # no terminal of the system's
            return shutil.get_terminal_size().columns

    def _below(self, text: str) -> None:
        """Writes a line under that of the cursor, and goes back to where it was."""
        column = self._column()
        back = f"\x1b[{column}C" if column else ""
        self._stream.write(f"\n\x1b[2K{text}\x1b[A\r{back}")
        self._stream.flush()
