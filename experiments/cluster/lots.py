"""What waits to be computed: tasks that are asked, and lots of units that they lack."""

from collections import deque
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Any

from experiments.cluster.grid.tasks import Task
from experiments.store import Document, WorkUnit


@dataclass(eq=False)
class Asking:
    """A task that is asked, again and again, until nothing is missing.

    Attributes:
        task: the task.
        found: what it has found so far, by digest.
        open: how many units of it are handed out or wait to be.
        at: when it is asked next.
    """

    task: Task
    found: dict[str, Document] = field(default_factory=dict)
    open: int = 0
    at: float = 0.0


@dataclass
class Group:
    """Units that are best computed together.

    Attributes:
        units: the units.
        at_once: how many of them at most.
        in_company: whether no fewer, see ``Job``.
        tries: how many workers have died over them.
        lost: how many machines have.
    """

    units: Sequence[WorkUnit]
    at_once: int
    in_company: bool = False
    tries: int = 0
    lost: int = 0

    def halves(self) -> "list[Group]":
        middle = len(self.units) // 2
        parts = self.units[:middle], self.units[middle:]
        return [replace(self, units=part, tries=0, lost=0) for part in parts]


@dataclass(eq=False)
class Lot:
    """Units that are computed in the same way, waiting to be handed out.

    Attributes:
        asking: the task that they are for.
        work: Ray's reference to what computes them.
        groups: what waits.
        busy: how many pieces of it are handed out.
    """

    asking: Asking
    work: Any
    groups: deque[Group] = field(default_factory=deque)
    busy: int = 0

    def take(self, most: int) -> Group:
        """A group of at most so many units, off the front."""
        group = self.groups.popleft()
        most = group.at_once if group.in_company else min(most, group.at_once)
        if len(group.units) > most:
            self.groups.appendleft(replace(group, units=group.units[most:]))
            group = replace(group, units=group.units[:most])
        return group


@dataclass(frozen=True, eq=False)
class Piece:
    """What one worker was given: units that this driver has claimed until ``kept`` ends."""

    lot: Lot
    group: Group
    kept: ExitStack

    @property
    def left(self) -> list[WorkUnit]:
        """What of it is not stored yet."""
        return [unit for unit in self.group.units if unit.digest not in self.lot.asking.found]
