"""Hosts of a network of their own: namespaces of Linux, each with an address that others reach."""

import os
import re
import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from subprocess import PIPE, CalledProcessError, Popen, run
from typing import Any

from experiments.tests.cluster.drives import RAY, STORE_BYTES, started

_NETWORK = "10.213.77"
_BRIDGE, _HOST, _CABLE = "hc-bridge", "hc-host", "hc-cable"
_SETTINGS = {
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "1",  # Ray's name for clusters of several machines
    # The head misses a host without network sooner than by default.
    "RAY_health_check_initial_delay_ms": "1000",
    "RAY_health_check_period_ms": "1000",
    "RAY_health_check_timeout_ms": "1000",
    "RAY_health_check_failure_threshold": "3",
}


class NotAllowed(Exception):
    """This machine lets nobody make a network."""


class Host:
    """One of them.

    Attributes:
        name: of its namespace.
        address: where the others reach it.
    """

    def __init__(self, number: int) -> None:
        self.name, self.address = f"{_HOST}{number}", f"{_NETWORK}.{number}"
        self._outer, inner = f"{_CABLE}{number}", f"{_CABLE}{number}i"
        self._processes: list[Popen[str]] = []
        _ip("netns", "add", self.name)
        _ip("link", "add", self._outer, "type", "veth", "peer", "name", inner)
        _ip("link", "set", inner, "netns", self.name)
        _ip("link", "set", self._outer, "master", _BRIDGE, "up")
        _ip("-n", self.name, "addr", "add", f"{self.address}/24", "dev", inner)
        _ip("-n", self.name, "link", "set", inner, "up")
        _ip("-n", self.name, "link", "set", "lo", "up")

    def start(self, words: Sequence[str], **settings: Any) -> Popen[str]:
        """A process here, under the name of this host."""
        named = ["sh", "-c", f'echo {self.name} >/proc/sys/kernel/hostname && exec "$@"', "sh"]
        here = ["ip", "netns", "exec", self.name, "unshare", "--uts", *named]
        process = started([*here, *words], **settings)
        self._processes.append(process)
        return process

    def ray(self, *options: str, **environment: str) -> None:
        """Starts Ray here, and waits until it has started."""
        words = [*RAY, "start", *options, f"--node-ip-address={self.address}"]
        words += [f"--object-store-memory={STORE_BYTES}"]
        process = self.start(words, environment={**_SETTINGS, **environment}, said=PIPE)
        said, wrong = process.communicate(timeout=90)
        assert process.returncode == 0, said + wrong

    def cut_off(self) -> None:
        """Takes its network away: nobody is told."""
        _ip("link", "set", self._outer, "down")

    def end(self) -> None:
        """Kills whatever runs here, and takes the host away."""
        for _ in range(100):
            pids = _ip("netns", "pids", self.name).split()
            if not pids:
                break
            for pid in pids:
                with suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGKILL)
            time.sleep(0.05)
        for process in self._processes:
            process.communicate()
        _ip("link", "del", self._outer)  # with its namespace it would go some time later
        _ip("netns", "del", self.name)


class Hosts:
    """So many hosts, on a network that nobody else is on.

    Raises:
        NotAllowed: this machine lets nobody make one.
    """

    def __init__(self, number: int) -> None:
        _take_away()
        try:
            _ip("link", "add", _BRIDGE, "type", "bridge")
            _ip("netns", "add", f"{_HOST}0")
        except (OSError, CalledProcessError) as error:
            _take_away()
            raise NotAllowed(getattr(error, "stderr", "") or error) from None
        _ip("link", "set", _BRIDGE, "up")
        self.hosts = [Host(n + 1) for n in range(number)]

    def end(self) -> None:
        for host in self.hosts:
            host.end()
        _take_away()


def _take_away() -> None:
    """All that there is of ours, also what a run has left that was killed."""
    with suppress(OSError, CalledProcessError):
        for name in re.findall(rf"\b{_CABLE}\d+(?=[@:])", _ip("link")):
            _ip("link", "del", name)
        for name in re.findall(rf"^{_HOST}\d+", _ip("netns"), re.MULTILINE):
            _ip("netns", "del", name)
    with suppress(OSError, CalledProcessError):
        _ip("link", "del", _BRIDGE)


def _ip(*words: str) -> str:
    return run(["ip", *words], check=True, capture_output=True, text=True).stdout
