"""Who watches the store: told what is wanted, computed, stored and waited for.

``Journal`` writes it down, a file for each process, so that one process can show what all do.
"""

import json
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from experiments.store.documents import WorkUnit


class Watch(Protocol):
    """What a store tells of its units."""

    def note(self, event: str, units: Iterable[WorkUnit]) -> None:
        """Something happens to units.

        They are ``wanted``, ``found``, ``started`` or ``stored``; or the process is ``waiting`` for
        one, and has ``resumed``.
        """


@dataclass(frozen=True)
class Unwatched:
    """Nobody is told."""

    def note(self, event: str, units: Iterable[WorkUnit]) -> None:
        pass


@dataclass(frozen=True)
class Journal:
    """Events of one process, a line of JSON each, in a file of its own.

    Attributes:
        path: the file.
        who: the process, for the reader.
    """

    path: Path
    who: str

    def note(self, event: str, units: Iterable[WorkUnit]) -> None:
        rows = [[unit.digest, unit.kind, unit.label] for unit in units]
        if not rows:
            return
        line: dict[str, Any] = {"time": time.time(), "who": self.who, "event": event, "units": rows}
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
