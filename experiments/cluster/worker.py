"""A worker: an actor of Ray that keeps a model loaded and computes units of work with it."""

import hashlib
import platform
import warnings
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ablation.errors import HeadclaimsError, InvalidInput, Notice, first_line
from experiments.cluster.sent import Unpacker
from experiments.machine.environment import versions
from experiments.machine.garbage import look_seldom
from experiments.machine.threads import bind_threads, sleep_soon
from experiments.store import Document, WorkUnit

MUST_AGREE = ("headclaims", "torch", "transformers", "tokenizers", "safetensors")
"""Packages of which all machines must have the same version."""

TELLING = "telling"
"""Ray's name for the thread in which a worker says what it has finished."""

Sent = tuple[str, Mapping[str, Any], str]
"""A unit: kind, key, label."""


@dataclass(frozen=True)
class Failure:
    """Why units could not be computed.

    Attributes:
        reason: one line.
        of_machine: no other unit of the model could be computed by this worker either.
        for_good: nor by another one of the machine.
    """

    reason: str
    of_machine: bool = False
    for_good: bool = False


class Worker:
    """Computes units.

    Args:
        device: where models are run, as torch names it.
        threads: of torch.
    """

    def __init__(self, device: str, threads: int) -> None:
        self._device, self._threads = device, threads
        sleep_soon()
        look_seldom()
        bind_threads(threads)  # what needs no torch is computed without
        self._unpacker = Unpacker(device)
        self._done: deque[str] = deque()

    def versions(self) -> dict[str, str]:
        """Of the packages that must be the driver's, and of our own code."""
        return required_versions()

    def compute(
        self, work: bytes, units: Sequence[Sent]
    ) -> tuple[list[str], Failure | None, list[str]]:
        """The documents of ``units`` as text, with the machine in their provenance.

        Args:
            work: as ``packed`` gave it.
            units: what is to be computed.

        Returns:
            What could be computed, without what ``so_far`` has given already; why the rest could
            not; and what the user should know.
        """
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", Notice)
            done, failure = self._compute(work, units)
        told = []
        for one in caught:
            if issubclass(one.category, Notice):
                told.append(str(one.message))
            else:
                warnings.showwarning(one.message, one.category, one.filename, one.lineno)
        return done, failure, told

    def _compute(self, work: bytes, units: Sequence[Sent]) -> tuple[list[str], Failure | None]:
        try:
            compute = self._unpacker.unpacked(work)
        except Exception as error:  # files, memory, a GPU: another machine may have them
            wrong = isinstance(error, InvalidInput)
            return [], Failure(_reason(error), of_machine=True, for_good=wrong)
        bind_threads(self._threads)  # the work may have imported it
        failure = None
        try:
            for unit, (result, provenance) in compute([WorkUnit(*one) for one in units]):
                self._done.append(Document(unit, result, {**provenance, **self._machine}).line())
        except Exception as error:  # whatever it is, it is of one unit, and the others go on
            failure = Failure(_reason(error))
        return _taken(self._done), failure

    def so_far(self) -> list[str]:
        """The documents that ``compute``, in another thread, has finished since the last call."""
        return _taken(self._done)

    # What `@ray.method(concurrency_group=TELLING)` does; by --on ray:// no call can say it.
    vars(so_far)["__ray_concurrency_group__"] = TELLING

    @cached_property
    def _machine(self) -> dict[str, Any]:
        """What tells one machine from another, for provenance."""
        found: dict[str, Any] = {"node": platform.node()}
        if self._device == "cpu":
            return found
        import torch  # not above: a driver whose models are known needs none

        if torch.version.cuda is not None:
            found["cuda"] = torch.version.cuda
            driver = Path("/proc/driver/nvidia/version")
            if driver.exists():
                found["driver"] = driver.read_text(encoding="utf-8").splitlines()[0]
        return found


def _taken(done: deque[str]) -> list[str]:
    """All that is there, off the front: two threads never take the same."""
    taken: list[str] = []
    with suppress(IndexError):
        while True:
            taken.append(done.popleft())
    return taken


def _reason(error: Exception) -> str:
    if isinstance(error, HeadclaimsError):
        return str(error)
    return f"{type(error).__name__}: {first_line(error)}"


def required_versions() -> dict[str, str]:
    """Package -> version, of those that must agree, without what tells builds of one apart."""
    from ablation.assets.kept import code

    of_packages = {name: versions()[name].partition("+")[0] for name in MUST_AGREE}
    ours = " ".join(code("ablation", "experiments").values())
    return {**of_packages, "code of headclaims": hashlib.sha256(ours.encode()).hexdigest()[:12]}
