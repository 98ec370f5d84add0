"""Progress of a command: a live line on a terminal, a line now and then in a log."""

import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, TextIO

import click

from experiments.store.progress.display import IN_A_LOG, Display, is_live
from experiments.store.progress.state import Progress, duration
from experiments.store.watch import Journal, Watch


def watched() -> Watch:
    """What the store of the command under way is watched by; shown until it ends."""
    return Journal(watched_folder() / "command.jsonl", "")


def watched_folder() -> Path:
    """A folder for the journals of the processes of the command under way; shown until it ends."""
    folder, started = Path(tempfile.mkdtemp(prefix="headclaims-progress-")), time.monotonic()
    progress, live = Progress(folder), is_live(sys.stderr)
    display = Display(progress, sys.stderr, lambda: 0, live=live)
    if live:
        for name in ("stdout", "stderr"):
            setattr(sys, name, _Above(getattr(sys, name), display))
    display.start()

    def ended() -> None:
        display.stop()
        for name in ("stdout", "stderr"):
            stream = getattr(sys, name)
            setattr(sys, name, stream.stream if isinstance(stream, _Above) else stream)
        progress.update()
        shutil.rmtree(folder, ignore_errors=True)
        took = time.monotonic() - started
        if took >= IN_A_LOG:  # who waited less has not asked
            click.echo(
                f"results: {progress.computed} computed, {progress.from_store} taken from the "
                f"store, in {duration(took)}",
                err=True,
            )

    click.get_current_context().call_on_close(ended)
    return folder


class _Above:
    """What a command writes while there is a live line: the line is taken away first."""

    def __init__(self, stream: TextIO, display: Display) -> None:
        self.stream, self._display = stream, display

    def write(self, text: str) -> int:
        with self._display.lock:
            self._display.clear()
            return self.stream.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)
