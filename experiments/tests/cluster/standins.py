"""Stand-in units that take a nap, are noted in a ledger, and fail on demand."""

import json
import os
import signal
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ablation.errors import InvalidInput
from experiments.cluster.grid.tasks import Task
from experiments.store import Computed, Store, WorkUnit

HURRY = "hurry"


@dataclass(frozen=True)
class Squares:
    """Squares numbers.

    Attributes:
        ledger: where it is written down; None: nowhere.
        nap: seconds for each, until there is a file ``HURRY`` beside the ledger.
        refused: a number that has no square.
        deadly: a number that kills its worker.
        most: so many at once kill their worker.
    """

    ledger: Path | None
    nap: float = 0.0
    refused: int = -1
    deadly: int = -1
    most: int = 1_000_000

    def __call__(self, units: Sequence[WorkUnit]) -> Iterator[tuple[WorkUnit, Computed]]:
        if len(units) > self.most:
            os.kill(os.getpid(), signal.SIGKILL)
        for unit in units:
            number = unit.key["number"]
            if self.ledger is not None:
                _note(self.ledger, [unit.digest, time.time(), os.getpid()])
            if self.ledger is None or not self.ledger.with_name(HURRY).exists():
                time.sleep(self.nap)
            if number == self.refused:
                raise InvalidInput(f"{number} has no square here")
            if number == self.deadly:
                os.kill(os.getpid(), signal.SIGKILL)
            yield unit, ({"square": number**2}, {"seconds": self.nap, "time": ""})


def _note(ledger: Path, entry: list[Any]) -> None:
    """Adds a line in one write, so that those of several processes do not mix."""
    descriptor = os.open(ledger, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(descriptor, (json.dumps(entry) + "\n").encode())
    os.close(descriptor)


def unit(number: int) -> WorkUnit:
    """The square of a number."""
    return WorkUnit("square", {"number": number}, f"square of {number}")


def task(squares: Squares, first: int, count: int, at_once: int = 4) -> Task:
    """The squares of so many numbers from the first on."""

    def ask(store: Store) -> None:
        units = [unit(number) for number in range(first, first + count)]
        store.all(units, squares, at_once=at_once)

    return Task("squares", "model", 1, ask)
