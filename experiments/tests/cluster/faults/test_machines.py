"""Workers, nodes and heads that really end, on this machine: nothing that is stored is done again.

Every run is a process of its own, and so is everything of Ray's.
"""

import os
import random
import signal
import socket
import time
from contextlib import suppress
from pathlib import Path

import pytest

from experiments.store import Run, Store
from experiments.tests.cluster.drives import RAY, SETTINGS, STORE_BYTES, Drive, started
from experiments.tests.cluster.faults.nodes import Cluster
from experiments.tests.cluster.standins import HURRY, unit

pytest.importorskip("ray", reason="needs Ray: pip install -c constraints.txt -e '.[cluster]'")

pytestmark = pytest.mark.slow


@pytest.fixture
def cluster(monkeypatch, no_other_cluster):
    for name, value in SETTINGS.items():
        monkeypatch.setenv(name, value)
    made = []

    def make(nodes):
        made.append(Cluster(nodes))
        return made[0]

    yield make
    for one in made:
        one.stop()


def test_workers_and_nodes_that_are_killed_lose_what_they_were_at(cluster, tmp_path):
    nodes = cluster(2)
    drive = Drive(tmp_path, nodes.start, 3_000, nap=0.1)
    drive.until(lambda: len(drive.workers) == 2)
    os.kill(drive.ledger[-1][2], signal.SIGKILL)
    drive.until(lambda: len(drive.workers) == 3)
    nodes.kill(nodes.nodes[0])
    nodes.add()  # late, and gets work
    drive.until(lambda: len(drive.workers) == 4)
    (tmp_path / HURRY).touch()
    assert (drive.end(), drive.process.returncode) == ("", 0)
    drive.check()
    assert drive.repeated <= 2 * 2 * 4  # two pieces of four, twice


def test_what_a_worker_told_before_it_was_killed_is_not_computed_again(cluster, tmp_path):
    drive = Drive(tmp_path, cluster(1).start, 400, nap=0.1, at_once=400)
    drive.until_stored(20)  # of the first piece, of 200
    os.kill(drive.ledger[-1][2], signal.SIGKILL)
    (tmp_path / HURRY).touch()
    assert (drive.end(), drive.process.returncode) == ("", 0)
    drive.check()
    assert 0 < drive.repeated < 150


def test_two_drivers_on_one_store_share_the_work(cluster, tmp_path):
    nodes = cluster(4)
    both = [Drive(tmp_path, nodes.start, 80, nap=0.1) for _ in range(2)]
    assert [(one.end(), one.process.returncode) for one in both] == [("", 0)] * 2
    both[0].check()
    assert both[0].repeated == 0


@pytest.mark.parametrize("seed", [int(os.environ.get("HEADCLAIMS_KILL_SEED", 0))])
def test_random_kills_change_nothing(seed, cluster, tmp_path):
    """``HEADCLAIMS_KILLS=30`` for more; ``HEADCLAIMS_KILL_SEED`` for others."""
    chosen, nodes, count = random.Random(seed), cluster(3), 300
    drive, stored = Drive(tmp_path, nodes.start, count, nap=0.05), 0
    for _ in range(int(os.environ.get("HEADCLAIMS_KILLS", 4))):
        stored = min(stored + chosen.randint(5, 20), count - 20)
        drive.until_stored(stored)
        what = chosen.choices(["worker", "machine", "driver", "head"], (3, 3, 3, 1))[0]
        if what == "worker":
            process = chosen.choice(drive.ledger[-20:])[2]
            with suppress(OSError):  # it has ended
                if b"ray::" in Path(f"/proc/{process}/cmdline").read_bytes():
                    os.kill(process, signal.SIGKILL)
        elif what == "machine":
            node = chosen.choice(nodes.nodes)
            nodes.kill(node)
            nodes.nodes.remove(node)
            nodes.nodes.append(nodes.add())
        elif what == "head":
            drive.until_begun(len(drive.ledger) + 1)  # it has joined
            nodes.head.kill_gcs_server(check_alive=False)
            assert "Error: the head of the Ray cluster is gone" in drive.end()
            nodes.start_again()
            drive = Drive(tmp_path, nodes.start, count, nap=0.05)
        else:
            drive.process.kill()
            drive.end()
            drive = Drive(tmp_path, nodes.start, count, nap=0.05)
    assert (drive.end(), drive.process.returncode) == ("", 0)
    drive.check()
    store = Store(tmp_path / "store", Run("reader", "pytest"))
    found = [store.find(unit(number)) for number in range(count)]
    assert [one and one.result for one in found] == [{"square": n**2} for n in range(count)]


def test_without_its_head_a_run_ends_with_a_line(cluster, tmp_path):
    nodes = cluster(1)
    drive = Drive(tmp_path, nodes.start, 2_000, nap=0.1)
    drive.until_stored(8)
    nodes.head.kill_gcs_server(check_alive=False)
    said = drive.end()
    assert drive.process.returncode == 4
    assert said.strip().splitlines()[-1].startswith("Error: the head of the Ray cluster is gone (")
    assert "Traceback" not in said


class ByClient:
    """A node that drivers elsewhere reach by Ray's client alone."""

    def __init__(self, folder):
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self.where, self.start = f"ray://127.0.0.1:{port}", started
        options = {
            "node-ip-address": "127.0.0.1", "port": 0, "num-cpus": 1, "include-dashboard": "false",
            "ray-client-server-port": port, "object-store-memory": STORE_BYTES,
        }  # fmt: skip
        words = [f"--{name}={value}" for name, value in options.items()]
        with (folder / "ray.log").open("w") as said:
            self.process = started([*RAY, "start", "--head", "--block", *words], said=said)
        deadline = time.monotonic() + 60
        while not _answers(port):
            assert time.monotonic() < deadline
            time.sleep(0.2)


def _answers(port):
    with suppress(OSError):
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    return False


def test_a_driver_elsewhere_reaches_workers_by_rays_client(tmp_path, no_other_cluster):
    node = ByClient(tmp_path)
    try:
        drive = Drive(tmp_path, node.start, 60, where=node.where, nap=0.2, at_once=60)
        drive.until_stored(5)  # told before the piece, of 30, was done
        assert len(drive.stored) < 30
        os.kill(drive.ledger[-1][2], signal.SIGKILL)
        (tmp_path / HURRY).touch()
        assert (drive.end(), drive.process.returncode) == ("", 0)
        drive.check()
    finally:
        node.process.terminate()
        node.process.wait(60)
