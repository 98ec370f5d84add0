"""Each result is computed once, whoever asks first.

Whoever computes a unit holds a lock, which ends with its process.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import overload

from filelock import FileLock, Timeout

from ablation.errors import ResultsError
from ablation.passes.allocator import give_back_freed_memory
from experiments.machine.files.json_files import storing
from experiments.store.documents import Document, WorkUnit
from experiments.store.folder import Folder
from experiments.store.work import Compute, ComputeInTurn, ComputeSome

LOCKS = "locks"
"""Folder of a store, beside that of its documents."""


@dataclass(frozen=True)
class Store(Folder):
    """The results of a folder, and the way to those that are not there yet."""

    @overload
    def once(self, unit: WorkUnit, compute: Compute) -> Document: ...

    @overload
    def once(self, unit: WorkUnit, compute: Compute, *, wait: bool) -> Document | None: ...

    def once(self, unit: WorkUnit, compute: Compute, *, wait: bool = True) -> Document | None:
        """The document of ``unit``, stored or computed now.

        Args:
            unit: what the result is of.
            compute: gives the result and its provenance, to which the run is added.
            wait: for another process that is computing it; otherwise None is returned.

        Raises:
            ResultsError: it cannot be read or stored, or is of a later schema.
        """
        found = self.find(unit)
        if found is None:
            self.watch.note("wanted", [unit])
            with self.claimed([unit], wait=wait) as claimed:
                if claimed:
                    self._refuse_if_closed(claimed)
                    self.watch.note("started", claimed)
                    found = self.put(unit, *compute())
                    give_back_freed_memory()
            found = found or self.find(unit)
        return found

    @overload
    def all(
        self, units: Sequence[WorkUnit], compute: ComputeSome, *, at_once: int
    ) -> list[Document]: ...

    @overload
    def all(
        self, units: Sequence[WorkUnit], compute: ComputeSome, *, at_once: int, wait: bool
    ) -> list[Document | None]: ...

    def all(
        self,
        units: Sequence[WorkUnit],
        compute: ComputeSome,
        *,
        at_once: int,
        wait: bool = True,
    ) -> Sequence[Document | None]:
        """The documents of ``units``, stored or computed now.

        What other processes are computing is left to them, and waited for at the end.

        Args:
            units: what the results are of.
            compute: gives results, in any order, of the units it is called with.
            at_once: with how many at most.
            wait: for other processes; otherwise their documents are None.

        Raises:
            ResultsError: as ``once``.
        """
        self.announce(units)
        while missing := [unit for unit in units if self.find(unit) is None]:
            if self._computed_in_passing(missing, compute, at_once):
                continue
            if not wait:
                break
            with self.claimed(missing[:1], wait=True) as claimed:
                self._compute(claimed, compute)
        return [self.find(unit) for unit in units]

    @overload
    def each(self, units: Sequence[WorkUnit], compute: ComputeInTurn) -> list[Document]: ...

    @overload
    def each(
        self, units: Sequence[WorkUnit], compute: ComputeInTurn, *, wait: bool
    ) -> list[Document | None]: ...

    def each(
        self, units: Sequence[WorkUnit], compute: ComputeInTurn, *, wait: bool = True
    ) -> Sequence[Document | None]:
        """As ``all``, but units are claimed one by one, when it is their turn.

        For computations that share work among all units, in an order of their own, and can pass
        over those that another process is at.

        Args:
            units: what the results are of.
            compute: gives, for the units it is called with, what computes each.
            wait: for other processes; otherwise their documents are None.

        Raises:
            ResultsError: as ``once``.
        """
        self.announce(units)
        missing = [unit for unit in units if self.find(unit) is None]
        for unit, computed in compute(missing) if missing else ():
            self.once(unit, computed, wait=False)
        for unit in missing if wait else ():
            if self.find(unit) is None:
                ((_, computed),) = compute([unit])
                self.once(unit, computed)
        return [self.find(unit) for unit in units]

    def _computed_in_passing(
        self, missing: Sequence[WorkUnit], compute: ComputeSome, at_once: int
    ) -> bool:
        """Walks over ``missing`` once and computes what no other process is at; whether anything.

        Looking at all of it again after every few would take time that grows with its square.
        """
        computed = False
        while missing:
            with self.claimed(missing, at_most=at_once) as claimed:
                self._compute(claimed, compute)
            if not claimed:
                break
            computed = True
            # What was passed over is stored, or another's.
            missing = missing[missing.index(claimed[-1]) + 1 :]
        return computed

    def _compute(self, units: Sequence[WorkUnit], compute: ComputeSome) -> None:
        if units:
            self._refuse_if_closed(units)
            self.watch.note("started", units)
            for unit, (result, provenance) in compute(units):
                self.put(unit, result, provenance)
            give_back_freed_memory()
            assert all(unit.digest in self._found for unit in units), "not all were computed"

    def _refuse_if_closed(self, units: Sequence[WorkUnit]) -> None:
        lacking = [unit for unit in units if unit.digest not in self.withheld]
        if self.closed and lacking:
            raise ResultsError(
                f"{self.bundle.path if self.bundle else self.root} lacks a result of kind "
                f"{lacking[0].kind}, and nothing that is not in the sample is computed: audit the "
                "bundle with the headclaims and the options that made it"
            )

    @contextmanager
    def claimed(
        self, units: Sequence[WorkUnit], *, wait: bool = False, at_most: int | None = None
    ) -> Iterator[list[WorkUnit]]:
        """Holds, for as long as the context is open, those of ``units`` that are to be computed.

        These are the ones that are neither stored nor another process's, in their order.

        Args:
            units: what is wanted.
            wait: for other processes. Whoever waits must ask for a single unit: two that wait for
                each other's units would do so forever.
            at_most: how many to hold.

        Raises:
            ResultsError: as ``once``.
        """
        assert len(units) == 1 or not wait
        held: list[tuple[WorkUnit, FileLock]] = []
        try:
            for unit in units:
                if len(held) == at_most:
                    break
                if self.find(unit) is not None:
                    continue
                lock = self._held(unit, wait)
                if lock is None:
                    continue
                held.append((unit, lock))
                # Its last holder may have stored it since.
                if self.find(unit) is not None:
                    self._release(*held.pop())
                else:
                    self._move_aside_if_damaged(unit)
            yield [unit for unit, _ in held]
        finally:
            for unit, lock in held:
                self._release(unit, lock)

    def _release(self, unit: WorkUnit, lock: FileLock) -> None:
        if unit.digest in self._found:
            # Whoever waits for this file, or makes another, finds the document.
            with suppress(OSError):
                Path(lock.lock_file).unlink()
        lock.release()

    def lock(self, unit: WorkUnit) -> FileLock:
        """What whoever computes ``unit`` holds."""
        path = self.root / LOCKS / f"{unit.digest}.lock"
        with storing(path, "--store"):
            path.parent.mkdir(parents=True, exist_ok=True)
        return FileLock(path)

    def _held(self, unit: WorkUnit, wait: bool) -> FileLock | None:
        lock = self.lock(unit)
        with storing(Path(lock.lock_file), "--store"):
            try:
                lock.acquire(blocking=False)
            except Timeout:  # is an OSError, too
                if self.bundle is not None and unit.digest in self.withheld:
                    # Another process computes it anew; here the bundle's serves.
                    self._found[unit.digest] = self.bundle.document(unit.digest)
                    return None
                if not wait:
                    return None
                self.watch.note("waiting", [unit])
                lock.acquire()
                self.watch.note("resumed", [unit])
        return lock
