"""A run of stand-in units on a real cluster; a script, so that it can be killed like any driver.

    python -m experiments.tests.cluster.standin_run FOLDER WHERE UNITS [NAME=NUMBER ...]

Names are the fields of ``standins.Squares``, and ``at_once`` and ``tasks``, over which units are
spread. Ends with the exit status of ``headclaims``. What a unit costs the driver is

    … standin_run FOLDER local:64 1000000 tasks=100 at_once=64 ledger=0

which prints units per second, what of a processor the driver takes, and how its memory grew.
"""

import os
import resource
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from ablation.errors import HeadclaimsError
from experiments.cluster.connection import Workers, connected, place
from experiments.cluster.driver import Driver
from experiments.cluster.staff import Staff
from experiments.store import Run, Store
from experiments.store.watch import Unwatched
from experiments.tests.cluster.standins import Squares, task


def main(folder: Path, where: str, count: int, settings: Sequence[str]) -> None:
    values = {name: float(value) for name, _, value in (one.partition("=") for one in settings)}
    ledger = folder / "ledger" if values.pop("ledger", 1) else None
    parts, at_once = int(values.pop("tasks", 1)), int(values.pop("at_once", 4))
    squares = Squares(ledger, values.pop("nap", 0), **{n: int(v) for n, v in values.items()})
    store = Store(folder / "store", Run(str(os.getpid()), "standin_run"))
    each = count // parts
    tasks = [task(squares, number * each, each, at_once) for number in range(parts)]
    say = lambda line: print(line, file=sys.stderr, flush=True)  # noqa: E731, T201
    with connected(place(where), Workers()) as ray:
        staff = Staff(ray, Workers(), "cpu", say)
        started, processor, memory = time.monotonic(), time.process_time(), _memory()
        Driver(staff, store, lambda name: Unwatched(), say).run(tasks)
        seconds, taken = time.monotonic() - started, time.process_time() - processor
    if ledger is None:
        say(
            f"{count / seconds:.0f} units a second; the driver took {1e3 * taken / count:.2f} ms "
            f"of a processor for each, and its memory grew from {memory} to {_memory()} MB"
        )


def _memory() -> int:
    """The largest so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1000


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4:])
    except HeadclaimsError as error:
        sys.stderr.write(f"Error: {error}\n")
        sys.exit(error.exit_status)
    except KeyboardInterrupt:
        sys.exit(130)
