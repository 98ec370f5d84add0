"""Where workers run: a Ray cluster that is started here, joined, or reached by its address."""

import atexit
import math
import os
import re
import signal
import socket
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from ablation.errors import ComputationError, InvalidInput, first_line, shortened

LOCAL, AUTO = "local", "auto"
_ADDRESS = re.compile(r"ray://(\[[0-9a-fA-F:]+\]|[\w.-]+):(\d{1,5})", re.ASCII)

_HEAD = re.compile(r"(\[[0-9a-fA-F:]+\]|[\w.-]+):(\d{1,5})", re.ASCII)

LEAST_GPU = 0.0001
"""The smallest part of a GPU that Ray counts."""

ANSWER_S = 15
"""Seconds after which nobody answers at an address."""

OBJECT_STORE = 200_000_000
"""Bytes for what is on its way in a cluster of our own: prompts of cells, and results."""

_SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",  # tells nobody
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # without GPUs, CUDA_VISIBLE_DEVICES is left alone
    "RAY_worker_niceness": "0",  # it would be 15
}
_SILENT = {"RAY_DEDUP_LOGS_SKIP_REGEX": "^"}
"""What Ray would print of its own accord is left out line by line: all of them match."""

_IMPATIENT = {"RAY_NUM_REDIS_GET_RETRIES": "1", "RAY_py_gcs_connect_timeout_s": "10"}
"""A head that ends while a driver joins is given up sooner; Ray itself would try for minutes."""

_LOOPBACK = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
"""Ray's name for clusters that other machines can reach; without it, all ports are of loopback."""


@dataclass(frozen=True)
class Workers:
    """What each worker takes.

    Attributes:
        cpus, gpus: of each; GPUs may be shared, as 0.5.

    Raises:
        InvalidInput: ``gpus`` is no number of GPUs that Ray counts.
    """

    cpus: int = 1
    gpus: float = 0.0

    def __post_init__(self) -> None:
        part = self.gpus == 0 or LEAST_GPU <= self.gpus <= 1
        if not (part or (math.isfinite(self.gpus) and self.gpus == int(self.gpus))):
            raise InvalidInput(
                f"--gpus-per-worker: a part of a GPU from {LEAST_GPU:g}, or whole ones, is "
                f"required, got {self.gpus:g}"
            )


@dataclass(frozen=True)
class Place:
    """Where workers run.

    Attributes:
        address: ``local``, ``auto`` or ``ray://host:port``.
        workers: of ``local``.
    """

    address: str
    workers: int | None = None

    @property
    def is_reachable(self) -> bool:
        """Whether other machines reach the cluster."""
        match = _ADDRESS.fullmatch(self.address)
        return match is not None and match[1] not in ("localhost", "127.0.0.1", "[::1]")


def place(on: str) -> Place:
    """Where ``--on`` says.

    Raises:
        InvalidInput: it says none of the three.
    """
    kind, _, number = on.partition(":")
    if kind == LOCAL and number.isascii() and number.isdecimal() and 1 <= int(number) <= 10_000:
        return Place(LOCAL, int(number))
    match = _ADDRESS.fullmatch(on)
    if on == AUTO or (match and int(match[2]) < 65_536):
        return Place(on)
    raise InvalidInput(
        f"--on {shortened(on)}: local:N for N workers on this machine, auto inside a Ray cluster, "
        "or ray://HOST:PORT is required"
    )


def require_ray() -> None:
    """Raises InvalidInput if Ray is not installed; does not import it."""
    if find_spec("ray") is None:
        raise InvalidInput(
            "--on requires Ray, which is not installed: pip install -c constraints.txt -e "
            "'.[cluster]'"
        )


@contextmanager
def connected(where: Place, workers: Workers, *, verbose: bool = False) -> Iterator[Any]:
    """The module ``ray``, connected for as long as the context is open.

    Raises:
        InvalidInput: Ray is not installed, or more GPUs are asked for than there are.
        ComputationError: nobody answers at the address.
    """
    os.environ.update(_SETTINGS)
    if where.address == LOCAL:
        os.environ.update(_LOOPBACK)
    else:
        for name, value in _IMPATIENT.items():
            os.environ.setdefault(name, value)
    if not verbose:
        os.environ.update(_SILENT)
    require_ray()
    _raise_limit()
    lost: list[HeadLost] = []
    ended_by = signal.getsignal(signal.SIGTERM)
    atexit.register(_leave_without_ray, lost)  # before Ray's own, so that it runs after those
    import ray

    try:
        _connect(ray, where, workers, verbose)
        with suppress(ValueError):  # another thread than the main one
            # A batch system ends a run so; Ray would end it with a trace.
            signal.signal(signal.SIGTERM, signal.default_int_handler)
        _check_gpus(ray, where, workers)
        yield ray
    except HeadLost as error:
        lost.append(error)
        raise
    except ConnectionError as error:
        if not where.address.startswith("ray:"):
            raise
        lost.append(HeadLost(first_line(error)))  # how a client learns of it
        raise lost[0] from None
    finally:
        with suppress(ValueError, TypeError):  # another thread; a handler that is not Python's
            signal.signal(signal.SIGTERM, ended_by)
        if lost:
            atexit.unregister(ray.shutdown)  # it would wait for a head that is gone
        else:
            ray.shutdown()


class HeadLost(ComputationError):
    """The head of the cluster has ended, and all its workers with it."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"the head of the Ray cluster is gone ({reason}): start it, and run the same again; "
            "what was finished is kept"
        )


def _raise_limit() -> None:
    """As many open files as the system allows: a claim on a unit is one."""
    import resource

    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _leave_without_ray(lost: Sequence[HeadLost]) -> None:
    """Ends the process at once if the head is lost: threads of Ray's would crash it otherwise."""
    if lost:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(lost[0].exit_status)


def require_head(ray: Any) -> None:
    """Checks that the head of the cluster still answers.

    Ray itself would wait for a minute, and then end this process without a word of ours.

    Raises:
        HeadLost: it has not for a while.
    """
    if ray.util.client.ray.is_connected():
        return  # by way of a proxy, which says so
    host, _, port = ray.get_runtime_context().gcs_address.rpartition(":")
    ends = time.monotonic() + ANSWER_S
    while True:
        try:
            socket.create_connection((host.strip("[]"), int(port)), ANSWER_S).close()
            return
        except OSError as error:
            if time.monotonic() > ends:
                raise HeadLost(first_line(error)) from None
            time.sleep(0.5)


def _connect(ray: Any, where: Place, workers: Workers, verbose: bool) -> None:
    import logging

    said: dict[str, Any] = {
        "log_to_driver": verbose,
        "logging_level": logging.INFO if verbose else logging.CRITICAL,
    }
    if where.address == LOCAL:
        assert where.workers is not None
        said["num_cpus"] = where.workers * workers.cpus
        said["include_dashboard"] = False
        said["object_store_memory"] = OBJECT_STORE
    elif match := _ADDRESS.fullmatch(where.address):
        _check_answers(match[1].strip("[]"), int(match[2]), where.address)
    elif match := _HEAD.fullmatch(os.environ.get("RAY_ADDRESS", "")):
        _check_answers(match[1].strip("[]"), int(match[2]), f"auto, by RAY_ADDRESS {match[0]}")
    try:
        ray.init(address=where.address, **said)
    except Exception as error:  # Ray raises plain ones, too
        raise ComputationError(
            f"--on {where.address}: Ray cannot be started or joined there ({first_line(error)})"
        ) from None


def _check_answers(host: str, port: int, address: str) -> None:
    try:
        socket.create_connection((host, port), ANSWER_S).close()
    except OSError as error:
        raise ComputationError(
            f"--on {address}: nobody answers there ({first_line(error)}): start the cluster, or "
            "check host and port (Ray's own port is 6379, its client's 10001)"
        ) from None


def _check_gpus(ray: Any, where: Place, workers: Workers) -> None:
    there, count = ray.cluster_resources().get("GPU", 0), where.workers or 1
    if workers.gpus * count > there + 1e-9:  # ten of 0.1 are one, whatever floats say
        raise InvalidInput(
            f"--gpus-per-worker {workers.gpus:g} for {count} workers: the cluster has {there:g} "
            "GPUs: ask for fewer"
        )
