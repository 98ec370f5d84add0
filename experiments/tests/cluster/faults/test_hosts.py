"""Ray on several hosts: namespaces of this machine, with a network and names of their own."""

from functools import partial

import pytest

from experiments.tests.cluster.drives import ROOT, Drive
from experiments.tests.cluster.faults.hosts import Hosts, NotAllowed
from experiments.tests.cluster.standins import HURRY

pytest.importorskip("ray", reason="needs Ray: pip install -c constraints.txt -e '.[cluster]'")

pytestmark = pytest.mark.slow


PORT = 6379


@pytest.fixture
def hosts(no_other_cluster):
    """The head's host, and two more."""
    try:
        network = Hosts(3)
    except NotAllowed as reason:
        pytest.skip(f"needs namespaces with networks (Linux, root, iproute2): {reason}")
    try:
        head = network.hosts[0]
        head.ray("--head", "--num-cpus=0", f"--port={PORT}", "--include-dashboard=false")
        yield network.hosts
    finally:
        network.end()


def join(host, head, **environment):
    """Starts a node with room for one worker."""
    host.ray(f"--address={head.address}:{PORT}", "--num-cpus=1", **environment)


def drive_from(head, folder, count):
    start = partial(head.start, environment={"RAY_ADDRESS": f"{head.address}:{PORT}"})
    return Drive(folder, start, count, nap=0.1)


def test_a_host_that_loses_its_network_is_done_without(hosts, tmp_path):
    head, one, other = hosts
    for host in (one, other):
        join(host, head)
    drive = drive_from(head, tmp_path, 3_000)
    drive.until(lambda: len(drive.workers) == 2)
    other.cut_off()
    drive.until_stored(len(drive.stored) + 60)
    (tmp_path / HURRY).touch()
    assert (drive.end(), drive.process.returncode) == ("", 0)
    drive.check()
    assert drive.repeated <= 2 * 4  # two pieces of four


def test_a_host_with_other_versions_is_named_and_not_used(hosts, tmp_path):
    head, one, other = hosts
    installed = tmp_path / "site" / "tokenizers-0.1.dist-info"
    installed.mkdir(parents=True)
    (installed / "METADATA").write_text("Name: tokenizers\nVersion: 0.1\n")
    join(one, head)
    join(other, head, PYTHONPATH=f"{installed.parent}:{ROOT}")
    drive = drive_from(head, tmp_path, 60)
    said = drive.end()
    assert drive.process.returncode == 0
    assert f"{other.name} is not used: it has tokenizers 0.1 and not" in said
    drive.check()
    assert len(drive.workers) == 1
