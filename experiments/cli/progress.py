"""Progress of a command: bars on a terminal, which the computations draw; lines in a log."""

import shutil
import sys
import tempfile
import time
from pathlib import Path

import click

from experiments.store.progress.display import IN_A_LOG, Display
from experiments.store.progress.state import Progress, duration
from experiments.store.watch import Journal, Watch


def watched() -> Watch:
    """What the store of the command under way is watched by; shown until it ends."""
    folder, started = Path(tempfile.mkdtemp(prefix="headclaims-progress-")), time.monotonic()
    progress = Progress(folder)
    display = Display(progress, sys.stderr, lambda: 0, live=False)
    if not sys.stderr.isatty():
        display.start()

    def ended() -> None:
        display.stop()
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
    return Journal(folder / "command.jsonl", "")
