"""A document in a results folder: computed once, whoever asks first, and never taken for another.

A stored document is used again only if its ``identity`` is that of the computation at hand: same
weights, same input, same ablation. Whoever computes holds a lock beside the file; a killed
process's lock is free.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout

from ablation.errors import ComputationError, ResultsError, first_line
from experiments.json_files import read_json, write_json


@dataclass(frozen=True)
class Stored:
    """The document at ``path``, if it is of the computation that ``identity`` describes."""

    path: Path
    identity: Mapping[str, Any]

    def read(self) -> dict[str, Any] | None:
        """The document; None if there is none or it is of another computation.

        Raises:
            ResultsError: the file cannot be read or is not JSON.
        """
        if not self.path.exists():
            return None
        document = read_json(self.path)
        is_ours = isinstance(document, dict) and document.get("identity") == self.identity
        return document if is_ours else None

    def once(
        self, compute: Callable[[], dict[str, Any]], *, fresh: bool = False, wait: bool = True
    ) -> dict[str, Any] | None:
        """The document, stored or computed now.

        Args:
            compute: gives the document without its identity, which is added.
            fresh: compute it even if it is stored.
            wait: for another process that is computing it; otherwise None is returned.

        Raises:
            ResultsError: it cannot be read or stored.
            ComputationError: the device's memory does not suffice.
        """
        lock = FileLock(self.path.with_name(f".{self.path.name}.lock"))
        with storing(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            try:
                lock.acquire(blocking=wait)
            except Timeout:  # is an OSError, too
                return None
        try:
            document = None if fresh else self.read()
            if document is None:
                with memory_errors():
                    document = {**compute(), "identity": dict(self.identity)}
                with storing(self.path):
                    write_json(self.path, document)
            return document
        finally:
            lock.release()


@contextmanager
def memory_errors() -> Iterator[None]:
    """Turns what torch raises when the device is full into one line."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise ComputationError(
            f"out of memory on the device ({first_line(error)}): use shorter prompts or windows, "
            "or a smaller --dtype"
        ) from error


@contextmanager
def storing(path: Path) -> Iterator[None]:
    """Turns what a full or read-only disk raises into one line."""
    try:
        yield
    except OSError as error:
        raise ResultsError(
            f"{path}: the result cannot be stored ({error.strerror or error}): free some space, "
            "or give another folder with --out"
        ) from error
