"""A store that computes nothing: it notes what is missing, for others to compute."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from experiments.store.documents import Document, WorkUnit
from experiments.store.folder import Store
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


@dataclass(frozen=True)
class Deferring(Store):
    """The results of a store. What is missing goes to ``jobs``; who waits for it gets ``NotYet``.

    Whatever asks a store can be asked again with one of these, until nothing is missing.

    Attributes:
        jobs: what has been found missing.
    """

    jobs: list[Job] = field(default_factory=list)
    _noted: set[str] = field(default_factory=set, repr=False)

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
