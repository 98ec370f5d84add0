"""Results in a folder: how they are kept and found, and never taken for another.

A document is complete or absent: it is written to a temporary file, which is flushed to the disk
and renamed. Nothing depends on clocks, and no two names differ in case only.
"""

import warnings
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ablation.errors import ResultsError
from experiments.machine.files.json_files import storing, write_text
from experiments.store.bundle import Bundle
from experiments.store.documents import Damaged, Document, WorkUnit
from experiments.store.reading import move_aside, read_document
from experiments.store.watch import Unwatched, Watch

DOCUMENTS = "documents"
"""Folder of a store that holds its results."""

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
class Folder:
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
