"""What waits to be computed: tasks that are asked what they lack, and the units that they do."""

import hashlib
import re
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ablation.errors import HeadclaimsError, ResultsError
from experiments.cluster.grid.tasks import Task
from experiments.cluster.lots import Asking, Group, Lot
from experiments.cluster.sent import packed
from experiments.store import Store, WorkUnit
from experiments.store.deferring import Deferring, Job, NotYet

AGAIN_S = 1.0
"""Seconds after which units are looked for again that somebody else computes."""

SHOWN = 5
"""Failures for one reason that are named."""


@dataclass
class Backlog:
    """Tasks, and the units that they are known to lack.

    Attributes:
        tasks: those that were not asked yet.
        store: where results are kept.
        send: makes work known to the workers; gives what stands for it.
        say: is told what fails.
        failed: digests of units that could not be computed.
        failures: reason, its numbers left out -> how many units.
    """

    tasks: deque[Task]
    store: Store
    send: Callable[[bytes], Any]
    say: Callable[[str], None]
    failed: set[str] = field(default_factory=set)
    failures: Counter[str] = field(default_factory=Counter)
    _lots: dict[tuple[int, str], Lot] = field(default_factory=dict)
    _asking: list[Asking] = field(default_factory=list)

    @property
    def is_done(self) -> bool:
        """Whether nothing is missing that can be computed."""
        return not self._asking and not self.tasks

    @property
    def left(self) -> int:
        """How many units wait."""
        return sum(len(group.units) for lot in self._lots.values() for group in lot.groups)

    def _waiting(self, can: Callable[[str], bool]) -> int:
        lots = [lot for lot in self._lots.values() if can(lot.asking.task.model)]
        return sum(len(group.units) for lot in lots for group in lot.groups)

    def plan(self, enough: int, can: Callable[[str], bool]) -> None:
        """Asks again whoever has nothing open; asks more tasks while fewer units wait than said.

        Args:
            enough: how many units, of models of which there is somebody to take them.
            can: whether there is, of a model.
        """
        for asking in list(self._asking):
            if not asking.open and time.monotonic() >= asking.at:
                self._ask(asking)
        while self.tasks and self._waiting(can) < enough:
            asking = Asking(self.tasks.popleft())
            self._asking.append(asking)
            self._ask(asking)

    def lot_for(self, last: Lot | None, can: Callable[[str], bool]) -> Lot | None:
        """More of what a worker had; else of its model; else what fewest are at.

        Args:
            last: what the worker had.
            can: whether it may be given work of a model.
        """
        lots = [lot for lot in self._lots.values() if lot.groups and can(lot.asking.task.model)]
        if not lots:
            return None
        if last in lots:
            return last
        model = last.asking.task.model if last else None
        return min(lots, key=lambda lot: (lot.asking.task.model != model, lot.busy))

    def back(self, lot: Lot, groups: Sequence[Group]) -> None:
        """Units that were handed out wait again."""
        lot.groups.extendleft(reversed(groups))

    def give_up(self, lot: Lot, units: Sequence[WorkUnit], reason: str) -> None:
        """Units could not be computed."""
        for unit in units:
            self.failed.add(unit.digest)
            heads = " ".join(unit.key.get("heads") or ())
            self._fail(f"{lot.asking.task.name}: {unit.label} {heads}".rstrip(), reason)
            lot.asking.open -= 1

    def give_up_models(self, why: Callable[[str], str | None]) -> None:
        """Gives up what is of models that cannot be had; ``why`` says so of a model, or None."""
        for lot in self._lots.values():
            if lot.groups and (reason := why(lot.asking.task.model)):
                for group in lot.groups:
                    self.give_up(lot, group.units, reason)
                lot.groups.clear()

    def forget_stored(self) -> None:
        """Leaves out what somebody else has stored since it was found missing."""
        for lot in self._lots.values():
            store = replace(self.store, _found=lot.asking.found)
            for group in lot.groups:
                left = [unit for unit in group.units if store.find(unit) is None]
                lot.asking.open -= len(group.units) - len(left)
                group.units = left
            lot.groups = deque(group for group in lot.groups if group.units)

    def _ask(self, asking: Asking) -> None:
        """Asks a task once; it is done where nothing can be computed any more."""
        store = self.store
        deferring = Deferring(
            store.root, store.run, store.fresh, watch=store.watch, _found=asking.found
        )
        refused = None
        try:
            asking.task.ask(deferring)
        except NotYet:
            pass
        except ResultsError:
            raise  # the store's, and of every task
        except HeadclaimsError as error:
            refused = error
        works: dict[int, tuple[str, bytes]] = {}
        for job in deferring.jobs:
            units = [unit for unit in job.units if unit.digest not in self.failed]
            if units:
                if id(job.compute) not in works:
                    data = packed(job.compute)
                    works[id(job.compute)] = hashlib.sha256(data).hexdigest(), data
                self._add(asking, replace(job, units=units), *works[id(job.compute)])
        asking.at = time.monotonic() + AGAIN_S
        if not asking.open and not deferring.damaged:
            if refused is not None:
                self._fail(asking.task.name, str(refused))
            self._asking.remove(asking)
            self._lots = {key: lot for key, lot in self._lots.items() if lot.asking is not asking}

    def _add(self, asking: Asking, job: Job, digest: str, data: bytes) -> None:
        key = id(asking), digest
        if key not in self._lots:
            self._lots[key] = Lot(asking, self.send(data))
        self._lots[key].groups.append(Group(job.units, job.at_once, job.in_company))
        asking.open += len(job.units)

    def _fail(self, what: str, reason: str) -> None:
        # How many tokens a prompt has, say, makes no reason of its own.
        alike = re.sub(r"\d+", "N", reason)
        self.failures[alike] += 1
        if self.failures[alike] <= SHOWN:
            self.say(f"failed: {what}: {reason}")
        elif self.failures[alike] == SHOWN + 1:
            self.say(f"failed: more for this reason: {reason}")
