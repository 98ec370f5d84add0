"""Whole commands as a newcomer gives them, timed: installing, and judging every study twice.

Each runs in a scratch folder with a cache and a store of its own, so that nothing is there before
and the user's results are left alone.
"""

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ablation.errors import ComputationError, InvalidInput
from experiments.bench.document import measured
from experiments.judging.stored_evidence import CHECKOUT

STUDIES = ("qrhead", "exp10", "methods")
COLD, WARM = "nothing stored", "everything stored"
INSTALL = (
    "{python} -m venv {scratch}/venv && {scratch}/venv/bin/pip install -q -c constraints.txt -e ."
)
PYTEST = "{python} -m pytest -q -p no:cacheprovider -k {study}"
ALL = "{python} -m pytest -q -p no:cacheprovider -m model"
SWEEP = (
    "{python} -m experiments.cli exp10 --parts a --no-figures "
    "--out {scratch}/results --store {scratch}/another-store"
)
EMPTY = (
    "mkdir {scratch}/empty && cd {scratch}/empty && echo 'def test_nothing(): pass' > test_a.py && "
    "{python} -m pytest -q -n 4"
)
IMPORT = "{python} -m experiments.cli results import baselines/evidence/smollm2.zip"
POLL_SECONDS = 1.0

Row = tuple[str, str, str | None]
"""Name, shell command, and the folder whose size counts."""


def commands() -> list[Row]:
    """All that a newcomer may run, in the order that makes sense."""
    rows: list[Row] = [
        ("pip install, a new environment", INSTALL, "venv"),
        ("fetch and convert the model", "{python} -m experiments.cli assets fetch", "cache"),
        ("pytest -k published", PYTEST.replace("{study}", "published"), None),
    ]
    for study in STUDIES:
        rows += [(f"pytest -k {study} -n 4, {how}", _judge(study), None) for how in (COLD, WARM)]
    return [*rows, ("headclaims exp10 --parts a, nothing stored", SWEEP, None)]


def warm_commands() -> list[Row]:
    """Judging what the committed bundle holds, and what pytest takes for nothing."""
    rows: list[Row] = [
        ("pytest -n 4, nothing to do", EMPTY, None),
        ("results import, the committed bundle", IMPORT, None),
        # Fetches and loads the model, to know its fingerprint, its prompts and its text.
        ("pytest -m model -n 4, a bundle on a new machine", f"{ALL} -n 4", None),
    ]
    return rows + [(f"pytest -k {study} -n 4, {WARM}", _judge(study), None) for study in STUDIES]


def _judge(study: str) -> str:
    return f"{PYTEST.replace('{study}', study)} -n 4"


def parse(given: str) -> tuple[str, str, None]:
    """A row of one's own, ``NAME=COMMAND``.

    Raises:
        InvalidInput: it is not written that way.
    """
    name, equals, command = given.partition("=")
    if not (name.strip() and equals and command.strip()):
        raise InvalidInput(
            f"a run is given as NAME=COMMAND, as in 'all of CI=.ci/run'; got {given!r}"
        )
    return name.strip(), command.strip(), None


def timed(chosen: Sequence[Row]) -> Iterator[dict[str, Any]]:
    """Runs the commands one after the other in the checkout: a row for each.

    Raises:
        ComputationError: a command failed, so that its time says nothing.
    """
    with tempfile.TemporaryDirectory(prefix="headclaims-bench-") as scratch:
        environment = os.environ | {
            "HEADCLAIMS_STORE": f"{scratch}/store",
            "HEADCLAIMS_CACHE": f"{scratch}/cache",
        }
        for name, command, folder in chosen:
            filled = command.replace("{python}", sys.executable).replace("{scratch}", scratch)
            started = time.perf_counter()
            with (
                subprocess.Popen(
                    filled,
                    shell=True,
                    cwd=CHECKOUT,
                    env=environment,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.PIPE,
                    text=True,
                ) as process,
                watched(process.pid) as peak,
            ):
                _, errors = process.communicate()
            seconds = time.perf_counter() - started
            if process.returncode:
                last = (errors.strip().splitlines() or ["nothing on stderr"])[-1]
                raise ComputationError(
                    f"{name!r} ended with status {process.returncode} ({last}): its time says "
                    "nothing; run the command alone and see"
                )
            row: dict[str, Any] = {"name": name, "command": command, "seconds": round(seconds, 1)}
            if peak:
                row["peak_bytes"] = max(peak)
            if folder is not None:
                row["disk_bytes"] = _disk(Path(scratch) / folder)
            yield row | measured()


@contextmanager
def watched(pid: int) -> Iterator[list[int]]:
    """Collects the memory of a process and its children, in bytes, about once a second.

    Pages that processes share count once (summed PSS). Nothing is collected where the system does
    not tell.
    """
    found: list[int] = []
    done = threading.Event()

    def watch() -> None:
        while not done.wait(POLL_SECONDS):
            if total := sum(map(_proportional_set, _tree(pid))):
                found.append(total)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield found
    finally:
        done.set()
        watcher.join()


def _tree(pid: int) -> Iterator[int]:
    yield pid
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            for child in path.read_text(encoding="ascii").split():
                yield from _tree(int(child))


def _proportional_set(pid: int) -> int:
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0


def _disk(folder: Path) -> int:
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file())
