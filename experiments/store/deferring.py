"""A store that computes nothing: it notes what is missing, for others to compute."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from filelock import Timeout

from experiments.machine.files.json_files import storing
from experiments.store.documents import Damaged, Document, WorkUnit
from experiments.store.store import LOCKS, Store
from experiments.store.work import Compute, ComputeInTurn, ComputeSome, InTurn, One

IN_TURN_AT_ONCE = 16
"""Units that are given away together where they could be computed one by one: those of a sweep
share the layers below their heads, which cost a sixteenth of the rest then."""


class NotYet(Exception):
    """What is wanted next depends on results that are not there yet."""


@dataclass(frozen=True)
class Job:
    """Units that are missing, in an order in which neighbours are best computed together.

    Attributes:
        compute: computes any of them.
        units: what is missing.
        at_once: how many of them at most are to be computed together.
        in_company: whether no fewer are, as long as there are as many.
    """

    compute: ComputeSome
    units: Sequence[WorkUnit]
    at_once: int
    in_company: bool = False


class Unread(Document):
    """A document that is read when somebody looks into it.

    Args:
        unit: what it is of.
        read: reads it.
    """

    _read: Callable[[WorkUnit], Document]

    def __init__(self, unit: WorkUnit, read: Callable[[WorkUnit], Document]) -> None:
        vars(self).update(unit=unit, _read=read)  # attributes are frozen

    @cached_property
    def _document(self) -> Document:
        return self._read(self.unit)

    @property
    def result(self) -> Mapping[str, Any]:
        return self._document.result

    @property
    def provenance(self) -> Mapping[str, Any]:
        return self._document.provenance


@dataclass(frozen=True)
class Deferring(Store):
    """The results of a store. What is missing goes to ``jobs``; who waits for it gets ``NotYet``.

    Whatever asks a store can be asked again with one of these, until nothing is missing. Most
    results are only looked for, and a hundred thousand of them take long to read: that one is
    damaged is found out when it is read, here or where it is judged.

    Attributes:
        jobs: what has been found missing.
        damaged: what was found damaged; whoever asks again finds it missing.
    """

    jobs: list[Job] = field(default_factory=list)
    damaged: list[WorkUnit] = field(default_factory=list)
    _noted: set[str] = field(default_factory=set, repr=False)

    def find(self, unit: WorkUnit) -> Document | None:
        if self.fresh:  # which run computed it has to be read
            return super().find(unit)
        if unit.digest not in self._found:
            try:
                if not self.path(unit).exists():
                    return None
            except OSError:
                return super().find(unit)  # says what is wrong
            self._found[unit.digest] = Unread(unit, self._read_or_move_aside)
            self.watch.note("found", [unit])
        return self._found[unit.digest]

    def _read_or_move_aside(self, unit: WorkUnit) -> Document:
        """Raises NotYet where it is damaged: it is computed again then."""
        with suppress(Damaged):
            if (document := self._read(unit)) is not None:
                return document
        self._found.pop(unit.digest, None)
        self.damaged.append(unit)
        # Who holds its lock is computing it again already.
        lock = self.lock(unit)
        with storing(self.root / LOCKS, "--store"), suppress(Timeout), lock.acquire(blocking=False):
            self._move_aside_if_damaged(unit)
        raise NotYet

    def once(self, unit: WorkUnit, compute: Compute, *, wait: bool = True) -> Any:
        return self._of([unit], One(compute), 1, wait)[0]

    def all(
        self, units: Sequence[WorkUnit], compute: ComputeSome, *, at_once: int, wait: bool = True
    ) -> Any:
        return self._of(units, compute, at_once, wait)

    def each(self, units: Sequence[WorkUnit], compute: ComputeInTurn, *, wait: bool = True) -> Any:
        return self._of(units, InTurn(compute), IN_TURN_AT_ONCE, wait)

    def announce(self, units: Iterable[WorkUnit]) -> None:
        """What is noted is announced, once."""

    @contextmanager
    def claimed(
        self, units: Sequence[WorkUnit], *, wait: bool = False, at_most: int | None = None
    ) -> Iterator[list[WorkUnit]]:
        """Whoever is given the work claims it."""
        yield list(units)

    def _of(
        self, units: Sequence[WorkUnit], compute: ComputeSome, at_once: int, wait: bool
    ) -> list[Document | None]:
        missing = {unit.digest: unit for unit in units if self.find(unit) is None}
        new = [unit for digest, unit in missing.items() if digest not in self._noted]
        if new:
            self._noted.update(unit.digest for unit in new)
            self.watch.note("wanted", new)
            in_company = getattr(compute, "in_company", False)
            self.jobs.append(Job(compute, new, at_once, in_company))
        found = [self.find(unit) for unit in units]
        if wait and None in found:
            raise NotYet
        return found
