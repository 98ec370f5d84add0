"""Results in a folder: each computed once, whoever asks first, and never taken for another.

A document is complete or absent: it is written to a temporary file, which is flushed to the disk
and renamed. Whoever computes a unit holds a lock, which ends with its process. Nothing depends on
clocks, and no two names differ in case only.
"""

import warnings
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, overload

from filelock import FileLock, Timeout

from ablation.errors import ResultsError
from ablation.passes.allocator import give_back_freed_memory
from experiments.machine.files.json_files import storing, write_text
from experiments.store.bundle import Bundle
from experiments.store.documents import Damaged, Document, WorkUnit
from experiments.store.reading import move_aside, read_document
from experiments.store.watch import Unwatched, Watch
from experiments.store.work import Compute, ComputeInTurn, ComputeSome

DOCUMENTS, LOCKS = "documents", "locks"
"""Folders of a store, beside that of damaged documents."""

WRITERS = 8
"""Threads that wait for the disk: one of them flushed 336 files a second, eight 691."""


class DamagedResult(UserWarning):
    """A document of the store was damaged, and has been moved aside."""


@dataclass(frozen=True)
class Run:
    """What computes results: one command, with all its workers.

    Attributes:
        name: of this run and no other.
        command: as the user gave it.
    """

    name: str
    command: str


@dataclass(frozen=True)
class Store:
    """The results under ``root``.

    Attributes:
        root: the folder; it is made when the first result is stored.
        run: what computes what is not there.
        fresh: use what this run has computed, and nothing else.
        bundle: more results, beneath those of the folder.
        withheld: digests of results of the bundle that are computed anew into the folder; what is
            found is the bundle's all the same.
        closed: compute nothing but what is withheld.
        watch: is told what happens.
    """

    root: Path
    run: Run
    fresh: bool = False
    bundle: Bundle | None = None
    withheld: frozenset[str] = frozenset()
    closed: bool = False
    watch: Watch = Unwatched()
    _found: dict[str, Document] = field(default_factory=dict, repr=False)

    def path(self, unit: WorkUnit) -> Path:
        """Where the document of ``unit`` is, or would be."""
        return self.root / DOCUMENTS / unit.kind / unit.digest[:2] / f"{unit.digest}.json"

    def find(self, unit: WorkUnit) -> Document | None:
        """The document of ``unit``, if there is one that may be used.

        Raises:
            ResultsError: it cannot be read, or is of a later schema.
        """
        if unit.digest not in self._found:
            try:
                document = self._read(unit)
            except Damaged:
                return None  # moved aside by whoever computes it, under the lock
            if document is not None and self.fresh:
                document = document if document.provenance.get("run") == self.run.name else None
            computed = document is not None
            # What is withheld is given once it has been computed anew.
            if self.bundle is not None and computed == (unit.digest in self.withheld):
                document = self.bundle.find(unit)
            if document is None:
                return None
            self._found[unit.digest] = document
            self.watch.note("found", [unit])
        return self._found[unit.digest]

    def announce(self, units: Iterable[WorkUnit]) -> None:
        """Says that ``units`` will be wanted, as far as they are not there."""
        self.watch.note("wanted", [unit for unit in units if self.find(unit) is None])

    @property
    def used(self) -> list[str]:
        """Digests of the results that this process has found or computed so far."""
        return sorted(self._found)

    def document(self, digest: str) -> Document:
        """A result by its digest, of the folder or the bundle.

        Raises:
            ResultsError: there is none, or it cannot be read.
        """
        if self.bundle is not None and digest in self.bundle.digests:
            return self.bundle.document(digest)
        for path in (self.root / DOCUMENTS).glob(f"*/{digest[:2]}/{digest}.json"):
            document = read_document(path)
            if document is not None:
                return document
        raise ResultsError(f"{self.root}: the result {digest[:12]} is gone: run again")

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

    def put(self, unit: WorkUnit, result: dict[str, Any], provenance: dict[str, Any]) -> Document:
        """Stores a result; ``unit`` is to be claimed.

        Raises:
            ResultsError: it cannot be stored.
        """
        document = self._of_this_run(unit, result, provenance)
        self.keep(document)
        return self._taken_in(document)

    def put_all(self, results: Sequence[tuple[WorkUnit, dict[str, Any], dict[str, Any]]]) -> None:
        """``put`` of many: the disk takes several files in the time of one.

        Raises:
            ResultsError: one cannot be stored; the others may be.
        """
        documents = [self._of_this_run(*one) for one in results]
        kept = []
        try:
            with ThreadPoolExecutor(WRITERS) as writers:
                kept = [writers.submit(self.keep, document) for document in documents]
        finally:
            # Fewer than there are documents where Ctrl-C came in between.
            for document, written in zip(documents, kept, strict=False):
                if written.done() and written.exception() is None:
                    self._taken_in(document)
        for written in kept:
            written.result()

    def _of_this_run(
        self, unit: WorkUnit, result: dict[str, Any], provenance: dict[str, Any]
    ) -> Document:
        run = {"run": self.run.name, "command": self.run.command}
        return Document(unit, result, {**provenance, **run})

    def _taken_in(self, document: Document) -> Document:
        unit = document.unit
        self.watch.note("stored", [unit])
        if self.bundle is not None and unit.digest in self.withheld:
            document = self.bundle.document(unit.digest)
        self._found[unit.digest] = document
        return document

    def keep(self, document: Document) -> None:
        """Writes a document as it is.

        Raises:
            ResultsError: it cannot be stored.
        """
        path = self.path(document.unit)
        with storing(path, "--store"):
            path.parent.mkdir(parents=True, exist_ok=True)
            write_text(path, document.text(), flushed=True)

    def _read(self, unit: WorkUnit) -> Document | None:
        document = read_document(self.path(unit))
        if document is not None and document.unit.digest != unit.digest:
            raise Damaged("the result of something else under this name")
        return document

    def _release(self, unit: WorkUnit, lock: FileLock) -> None:
        if unit.digest in self._found:
            # Whoever waits for this file, or makes another, finds the document.
            with suppress(OSError):
                Path(lock.lock_file).unlink()
        lock.release()

    def _move_aside_if_damaged(self, unit: WorkUnit) -> None:
        try:
            self._read(unit)
        except Damaged as error:
            path = self.path(unit)
            aside = move_aside(path, self.root)
            warnings.warn(
                f"{path}: {error}; moved to {aside}, to be computed again",
                DamagedResult,
                stacklevel=2,
            )

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
