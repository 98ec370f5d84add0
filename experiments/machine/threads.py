"""How many threads a process computes with, and how they wait for one another."""

import os
import sys

LOOKS = "10000"
"""How often an idle thread looks for more to do before it sleeps.

libgomp's own default is 300,000. Beside other programs such threads take the cores from those that
they wait for: a command then takes up to four times as long (experiments/bench/README.md).
"""


def sleep_soon() -> None:
    """Threads of torch that wait leave the core to others soon; what a user has said stands.

    OpenMP reads it when torch is imported. That of Apple and Intel does not know the name.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", LOOKS)


def bind_threads(threads: int) -> None:
    """Computes with so many threads, whether torch is imported already or later."""
    os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), str(threads))
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(threads)


def threads_per_worker() -> int:
    """The cores this process may use, over the number of xdist workers; at least 1."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, (cores or 1) // int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")))
