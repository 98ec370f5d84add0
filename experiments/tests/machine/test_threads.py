"""How many threads compute, and how they wait for one another."""

import os

import pytest

from experiments.cli.main import main
from experiments.machine.threads import LOOKS, threads_per_worker


@pytest.mark.parametrize(("workers", "threads"), [(None, 6), ("2", 3), ("4", 1), ("8", 1)])
def test_a_worker_has_its_share_of_the_cores(workers, threads, monkeypatch):
    monkeypatch.setattr("os.sched_getaffinity", lambda process: set(range(6)), raising=False)
    monkeypatch.delenv("PYTEST_XDIST_WORKER_COUNT", raising=False)
    if workers:
        monkeypatch.setenv("PYTEST_XDIST_WORKER_COUNT", workers)
    assert threads_per_worker() == threads


@pytest.mark.parametrize(
    ("said", "looks"),
    [({}, LOOKS), ({"GOMP_SPINCOUNT": "7"}, "7"), ({"OMP_WAIT_POLICY": "ACTIVE"}, None)],
    ids=["nothing said", "how often", "for how long"],
)
def test_threads_that_wait_sleep_soon_unless_a_user_says_otherwise(
    said, looks, monkeypatch, own_environment
):
    for name in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY"):
        monkeypatch.delenv(name, raising=False)
    os.environ |= said
    with pytest.raises(SystemExit):
        main(["--version"])
    assert os.environ.get("GOMP_SPINCOUNT") == looks
