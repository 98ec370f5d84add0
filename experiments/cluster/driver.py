"""The driver: asks the tasks what is missing, hands it to workers, and stores what comes back.

It alone writes the store. A worker that dies loses what it was at, which is handed out again.
"""

import hashlib
import math
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Any

from ablation.errors import ComputationError, HeadclaimsError, ResultsError
from experiments.cluster.connection import HeadLost
from experiments.cluster.grid.tasks import Task
from experiments.cluster.lots import Asking, Group, Lot, Piece
from experiments.cluster.sent import packed
from experiments.cluster.staff import Hired, Staff
from experiments.store import Store, WorkUnit
from experiments.store.deferring import Deferring, Job, NotYet
from experiments.store.documents import Damaged, parse
from experiments.store.watch import Watch

AHEAD = 2
"""Pieces of work that a worker has at a time, so that it never waits for the driver."""

PLANNED = 1_000
"""Units that are known to be missing, for each worker, before another task is asked."""

TRIES = 3
"""Workers that may die over one unit."""

AGAIN_S = 1.0
"""Seconds after which units are looked for again that somebody else computes."""

SHOWN = 5
"""Failures for one reason that are named."""

PATIENCE_S = 300.0
"""Seconds without any worker after which a run gives up."""


@dataclass
class Driver:
    """Computes what tasks lack, on the workers of a cluster.

    Attributes:
        staff: the workers.
        store: where results are kept.
        watch_of: name of a worker -> what is told of its work.
        say: is told what fails.
    """

    staff: Staff
    store: Store
    watch_of: Callable[[str], Watch]
    say: Callable[[str], None]
    failed: set[str] = field(default_factory=set)
    failures: Counter[str] = field(default_factory=Counter)
    _lots: dict[tuple[int, str], Lot] = field(default_factory=dict)
    _asking: list[Asking] = field(default_factory=list)

    def run(self, tasks: Sequence[Task]) -> None:
        """Runs until nothing is missing that can be computed.

        Raises:
            ComputationError: some units could not be computed, or there is no worker.
            ResultsError: the store cannot be read or written.
        """
        waiting, alone_since = deque(tasks), time.monotonic()
        try:
            while True:
                self.staff.look()
                self._plan(waiting)
                if not self._asking and not waiting:
                    break
                self._hand_out()
                self._wait()
                if self.staff.ready:
                    alone_since = time.monotonic()
                elif time.monotonic() > alone_since + PATIENCE_S:
                    raise ComputationError(
                        f"no worker for {PATIENCE_S:.0f} s: see that machines of the cluster have "
                        "the CPUs and GPUs that a worker takes; what was finished is kept"
                    )
        except HeadLost:
            self.staff.hired.clear()  # nobody is left to end them
            raise
        finally:
            for worker in list(self.staff.hired):
                self._end(worker, died=False)
        if self.failures:
            raise ComputationError(
                f"{self.failures.total()} results could not be computed, for "
                f"{len(self.failures)} reason(s), see above; the others are kept"
            )

    # What is missing

    def _plan(self, waiting: deque[Task]) -> None:
        for asking in list(self._asking):
            if not asking.open and time.monotonic() >= asking.at:
                self._ask(asking)
        while waiting and self._left < PLANNED * max(1, len(self.staff.hired)):
            asking = Asking(waiting.popleft())
            self._asking.append(asking)
            self._ask(asking)

    @property
    def _left(self) -> int:
        return sum(len(group.units) for lot in self._lots.values() for group in lot.groups)

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
            self._lots[key] = Lot(asking, self.staff.ray.put(data))
        self._lots[key].groups.append(Group(job.units, job.at_once, job.in_company))
        asking.open += len(job.units)

    # Who computes it

    def _hand_out(self) -> None:
        for ahead in range(1, AHEAD + 1):
            for worker in self.staff.ready:
                while len(worker.doing) < ahead and (lot := self._lot_for(worker)):
                    self._give(worker, lot)

    def _lot_for(self, worker: Hired) -> Lot | None:
        """More of what the worker had; else of its model; else what fewest are at."""
        lots = [lot for lot in self._lots.values() if lot.groups]
        if not lots:
            return None
        if worker.last in lots:
            return worker.last
        model = worker.last.asking.task.model if worker.last else None
        return min(lots, key=lambda lot: (lot.asking.task.model != model, lot.busy))

    def _give(self, worker: Hired, lot: Lot) -> None:
        # The less is left, the smaller the pieces: all are to end at the same time.
        share = math.ceil(self._left / (2 * len(self.staff.ready)))
        group, kept = lot.take(share), ExitStack()
        store = replace(self.store, _found=lot.asking.found)
        hopeful = [unit for unit in group.units if unit.digest not in self.failed]
        mine = kept.enter_context(store.claimed(hopeful))
        lot.asking.open -= len(group.units) - len(mine)  # stored meanwhile, or another's
        if not mine:
            kept.close()
            return
        piece = Piece(lot, replace(group, units=mine), kept)
        sent = [(unit.kind, unit.key, unit.label) for unit in mine]
        worker.doing[worker.actor.compute.remote(lot.work, sent)] = piece
        worker.last, lot.busy = lot, lot.busy + 1
        if len(worker.doing) == 1:
            self.watch_of(worker.name).note("started", mine)

    # What comes back

    def _wait(self) -> None:
        self.staff.ask()
        references = list(self.staff.references())
        if not references:
            time.sleep(AGAIN_S / 10)
            return
        ready, _ = self.staff.ray.wait(references, timeout=AGAIN_S)
        for reference in ready:
            for worker in list(self.staff.hired):
                if reference == worker.greeting:
                    self.staff.greeted(worker)
                elif reference == worker.telling:
                    self._hear(worker)
                elif reference in worker.doing:
                    self._take(worker, reference)

    def _hear(self, worker: Hired) -> bool:
        """Stores what a worker has finished so far; whether it lives."""
        telling, worker.telling = worker.telling, None
        return telling is None or self._received(worker, telling) is not None

    def _received(self, worker: Hired, reference: Any) -> Any:
        """What a worker answers; None where it has died."""
        try:
            answer = self.staff.ray.get(reference)
        except self.staff.ray.exceptions.RayError:
            self._end(worker, died=True)  # by whatever hand
            self.staff.look(now=True)
            return None
        lines = answer if reference not in worker.doing else answer[0]
        if lines:
            self._put(worker, lines)
            self.staff.achieved(worker)
        return answer

    def _take(self, worker: Hired, reference: Any) -> None:
        # What it told before comes first: the piece is not whole without.
        if not self._hear(worker) or (answer := self._received(worker, reference)) is None:
            return
        piece, failure = worker.doing.pop(reference), answer[1]
        piece.kept.close()
        piece.lot.busy -= 1
        watch = self.watch_of(worker.name)
        watch.note("resumed", piece.group.units)
        for following in list(worker.doing.values())[:1]:
            watch.note("started", following.group.units)
        left = piece.left
        group = replace(piece.group, units=left)
        if failure is not None and failure.of_machine:
            self._back(piece.lot, [group])
            for other in [one for one in self.staff.hired if one.node == worker.node]:
                self._end(other, died=False)
            self.staff.refuse(worker, failure.reason)
        elif failure is not None and len(left) > 1:
            self._back(piece.lot, group.halves())
        elif left:
            self._give_up(piece.lot, left, failure.reason if failure else "no result came back")

    def _put(self, worker: Hired, lines: Sequence[str]) -> None:
        """Stores documents that are whole and of units that the worker was given."""
        wanted = {
            unit.digest: (unit, piece.lot.asking)
            for piece in worker.doing.values()
            for unit in piece.left
        }
        found: dict[int, tuple[Asking, list[tuple[WorkUnit, dict, dict]]]] = {}
        for line in lines:
            try:
                document = parse(line.encode())
            except Damaged:
                continue
            if (known := wanted.pop(document.unit.digest, None)) is not None:
                unit, asking = known
                result = unit, dict(document.result), dict(document.provenance)
                found.setdefault(id(asking), (asking, []))[1].append(result)
        for asking, results in found.values():
            store = replace(self.store, _found=asking.found, watch=self.watch_of(worker.name))
            store.put_all(results)
            asking.open -= len(results)

    def _end(self, worker: Hired, *, died: bool) -> None:
        """Ends a worker; what it was at goes back. If it died, the first piece may be why."""
        for place, piece in enumerate(worker.doing.values()):
            piece.kept.close()
            piece.lot.busy -= 1
            self.watch_of(worker.name).note("resumed", piece.group.units)
            group, suspect = replace(piece.group, units=piece.left), died and place == 0
            tries = group.tries + suspect
            if not group.units:
                continue
            if not suspect or (tries < TRIES and (group.in_company or len(group.units) == 1)):
                self._back(piece.lot, [replace(group, tries=tries)])
            elif len(group.units) > 1:
                self._back(piece.lot, group.halves())
            else:
                reason = f"{TRIES} workers have died over it: they may lack memory"
                self._give_up(piece.lot, group.units, reason)
        worker.doing.clear()
        if died:
            self.staff.died(worker)
        else:
            self.staff.dismiss(worker)

    def _back(self, lot: Lot, groups: Sequence[Group]) -> None:
        lot.groups.extendleft(reversed(groups))

    def _give_up(self, lot: Lot, units: Sequence[WorkUnit], reason: str) -> None:
        for unit in units:
            self.failed.add(unit.digest)
            heads = " ".join(unit.key.get("heads") or ())
            self._fail(f"{lot.asking.task.name}: {unit.label} {heads}".rstrip(), reason)
            lot.asking.open -= 1

    def _fail(self, what: str, reason: str) -> None:
        self.failures[reason] += 1
        if self.failures[reason] <= SHOWN:
            self.say(f"failed: {what}: {reason}")
        elif self.failures[reason] == SHOWN + 1:
            self.say(f"failed: more for this reason: {reason}")
