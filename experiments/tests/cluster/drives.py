"""A driver of stand-in units in a process of its own, and what it left."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from functools import partial
from pathlib import Path

from experiments.store import Run, Store
from experiments.store.listing import paths
from experiments.tests.cluster.standins import unit

ROOT = Path(__file__).parents[3]
SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    "RAY_AUTH_MODE": "disabled",
    "RAY_worker_niceness": "0",
    "PYTHONPATH": str(ROOT),
}
RAY = [sys.executable, "-m", "ray.scripts.scripts"]
"""The command ``ray`` of this environment."""

STORE_BYTES = 10**8
"""For what is on its way, on each node."""


def started(words, environment=None, said=None):
    """A process with Ray's settings; what it says goes to a file, or the errors to its pipe."""
    return subprocess.Popen(
        words, cwd=ROOT, env={**os.environ, **SETTINGS, **(environment or {})}, text=True,
        stdout=said, stderr=said or subprocess.PIPE,
        # What a shell runs in the background ignores it, and so would this.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip


class Drive:
    """A driver of so many units, started by ``start``, and what it left in a folder."""

    def __init__(self, folder, start, count, where="auto", **settings):
        self.folder, self.count = folder, count
        store = Store(folder / "store", Run("reader", "pytest"))
        self._paths = {number: store.path(unit(number)) for number in range(count)}
        words = [f"{name}={value}" for name, value in settings.items()]
        command = [sys.executable, "-m", "experiments.tests.cluster.standin_run"]
        self.process = start([*command, str(folder), where, str(count), *words])

    @property
    def stored(self):
        """Number -> when its square was stored."""
        return {number: p.stat().st_mtime for number, p in self._paths.items() if p.exists()}

    @property
    def ledger(self):
        """Digest, when and by whom, of every unit that was begun."""
        path = self.folder / "ledger"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def until_stored(self, number):
        """Waits until so many squares are stored."""
        store = self.folder / "store"
        self.until(lambda: len(paths(store)) >= number)

    def until_begun(self, number):
        """Waits until so many units were begun, each time counted."""
        self.until(lambda: len(self.ledger) >= number)

    def until(self, happened):
        """Waits until it has."""
        deadline = time.monotonic() + 180
        while not happened():
            assert self.process.poll() is None, self.end()
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def end(self):
        """What it said; its exit status is in ``process``."""
        return self.process.communicate(timeout=180)[1]

    def check(self):
        """All squares are there, and none was begun again after it had been stored."""
        stored = self.stored
        assert sorted(stored) == list(range(self.count))
        when = {unit(number).digest: at for number, at in stored.items()}
        late = [digest for digest, at, _ in self.ledger if at > when[digest] + 0.01]
        assert late == []

    @property
    def workers(self):
        """Processes that have begun a unit."""
        return {process for _, _, process in self.ledger}

    @property
    def repeated(self):
        """Units that were begun once more, each time."""
        return sum(times - 1 for times in Counter(digest for digest, _, _ in self.ledger).values())
