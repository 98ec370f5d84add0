"""Drivers and units that fail, on Ray nodes of this machine that stay as they are.

Every run is a process of its own, and so is everything of Ray's.
"""

import signal
import time
from pathlib import Path

import pytest

from experiments.tests.cluster.drives import SETTINGS, Drive
from experiments.tests.cluster.faults.nodes import Cluster

pytest.importorskip("ray", reason="needs Ray: pip install -c constraints.txt -e '.[cluster]'")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def nodes(no_other_cluster):
    with pytest.MonkeyPatch.context() as patch:
        for name, value in SETTINGS.items():
            patch.setenv(name, value)
        made = Cluster(2)
        yield made
        made.stop()


def test_a_unit_that_raises_and_one_that_kills_are_named_and_the_others_go_on(nodes, tmp_path):
    drive = Drive(tmp_path, nodes.start, 24, refused=5, deadly=11)
    said = drive.end()
    assert drive.process.returncode == 4
    assert sorted(set(range(24)) - {*drive.stored}) == [5, 11]
    assert "square of 5: 5 has no square here" in said
    assert "square of 11: 3 workers have died over it" in said
    assert "Traceback" not in said


def test_units_that_are_too_many_for_a_workers_memory_are_tried_in_halves(nodes, tmp_path):
    drive = Drive(tmp_path, nodes.start, 24, most=2)  # pieces of four kill their workers
    assert (drive.end(), drive.process.returncode) == ("", 0)
    drive.check()


def test_a_driver_that_was_killed_goes_on_where_it_was(nodes, tmp_path):
    first = Drive(tmp_path, nodes.start, 60, nap=0.1)
    first.until_stored(16)
    first.process.kill()
    first.end()
    again = Drive(tmp_path, nodes.start, 60, nap=0.1)
    assert (again.end(), again.process.returncode) == ("", 0)
    again.check()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_keeps_what_is_stored_and_ends_its_workers(how, nodes, tmp_path):
    drive = Drive(tmp_path, nodes.start, 200, nap=0.1)
    drive.until_stored(16)
    drive.process.send_signal(how)
    assert drive.end() == ""
    assert drive.process.returncode == 130
    assert len(drive.stored) >= 16
    deadline = time.monotonic() + 20
    while any(Path(f"/proc/{process}").exists() for process in drive.workers):
        assert time.monotonic() < deadline
        time.sleep(0.1)
