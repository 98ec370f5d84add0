"""Where workers run is said in one of three forms; what cannot be had is one line."""

import socket
import subprocess
import sys

import pytest

from ablation.errors import ComputationError, InvalidInput
from experiments.cluster.connection import Place, Workers, connected, place


@pytest.mark.parametrize(
    ("on", "found"),
    [
        ("local:1", Place("local", 1)),
        ("local:64", Place("local", 64)),
        ("auto", Place("auto")),
        ("ray://head:10001", Place("ray://head:10001")),
        ("ray://[::1]:10001", Place("ray://[::1]:10001")),
    ],
)
def test_a_place_is_understood(on, found):
    assert place(on) == found


@pytest.mark.parametrize(
    "on", ["", "local", "local:0", "local:x", "local:²", "ray://head", "ray://h:99999", "ray://:1",
           "http://head:10001", "auto:2", "ray://head:10001/x"],
)  # fmt: skip
def test_another_form_is_one_line(on):
    with pytest.raises(InvalidInput, match="local:N .* auto .* ray://HOST:PORT is required"):
        place(on)


@pytest.mark.parametrize(
    ("on", "reachable"),
    [("local:2", False), ("auto", False), ("ray://localhost:1", False), ("ray://head:1", True)],
)
def test_what_other_machines_reach_is_known(on, reachable):
    assert place(on).is_reachable is reachable


@pytest.mark.parametrize("on", ["ray://{}", "auto"])
def test_an_address_that_nobody_answers_at_is_one_line(on, monkeypatch):
    pytest.importorskip("ray", reason="needs Ray: pip install -e '.[cluster]'")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and nobody listens
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        monkeypatch.setenv("RAY_ADDRESS", address)
        with (
            pytest.raises(ComputationError, match="nobody answers there .*: start the cluster"),
            connected(place(on.format(address)), Workers()),
        ):
            pass


def test_without_ray_the_extra_is_named():
    said = subprocess.run(
        [
            sys.executable,
            "-c",
            "import experiments.cluster.connection as of\n"
            "of.find_spec = lambda name: None\n"
            "with of.connected(of.place('local:1'), of.Workers()): pass",
        ],
        capture_output=True,
        text=True,
    )
    assert "pip install -c constraints.txt -e '.[cluster]'" in said.stderr.splitlines()[-1]


@pytest.mark.slow
def test_sigterm_is_as_it_was_once_the_cluster_is_left():
    pytest.importorskip("ray", reason="needs Ray: pip install -e '.[cluster]'")
    script = (
        "import signal\n"
        "import experiments.cluster.connection as of\n"
        "signal.signal(signal.SIGTERM, before := lambda *_: None)\n"
        "with of.connected(of.place('local:1'), of.Workers()):\n"
        "    assert signal.getsignal(signal.SIGTERM) is signal.default_int_handler\n"
        "assert signal.getsignal(signal.SIGTERM) is before\n"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
