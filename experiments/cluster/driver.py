"""The driver: asks the tasks what is missing, hands it to workers, and stores what comes back.

It alone writes the store. A worker that dies loses what it was at, which is handed out again.
"""

import math
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Any

from ablation.errors import ComputationError, notice
from experiments.cluster.backlog import Backlog
from experiments.cluster.connection import HeadLost
from experiments.cluster.grid.tasks import Task
from experiments.cluster.lots import Asking, Lot, Piece
from experiments.cluster.staff import Hired, Staff
from experiments.store import Store, WorkUnit
from experiments.store.documents import Damaged, TooNew, parse
from experiments.store.watch import Watch

AHEAD = 2
"""Pieces of work that a worker has at a time, so that it never waits for the driver."""

PLANNED = 1_000
"""Units that are known to be missing, for each worker, before another task is asked."""

TRIES, LOSSES = 3, 10
"""Workers, and machines with their workers, that may die over one unit."""

WAIT_S = 1.0
"""Seconds after which the driver looks up from what it waits for."""

STORED_S = 10.0
"""Seconds after which a run without workers looks for what others have stored."""

PATIENCE_S = 300.0
"""Seconds after which a run without any worker gives up, and one whose workers do not start says
so."""


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
    _backlog: Backlog = field(init=False)
    _alone_since: float = 0.0
    _looked: float = 0.0

    def run(self, tasks: Sequence[Task]) -> None:
        """Runs until nothing is missing that can be computed.

        Raises:
            ComputationError: some units could not be computed, or there is no worker.
            ResultsError: the store cannot be read or written.
        """
        self._backlog = Backlog(deque(tasks), self.store, self.staff.ray.put, self.say)
        self._alone_since = self._looked = time.monotonic()
        try:
            while True:
                self.staff.look()
                self._backlog.give_up_models(self.staff.why_nobody_can)
                self._backlog.plan(PLANNED * max(1, len(self.staff.hired)), self.staff.somebody_can)
                if self._backlog.is_done:
                    break
                self._hand_out()
                self._wait()
                for worker in self.staff.unwanted:
                    self._end(worker, died=False)
                self._be_patient()
        except HeadLost:
            self.staff.hired.clear()  # nobody is left to end them
            raise
        finally:
            for worker in list(self.staff.hired):
                self._end(worker, died=False)
        if failures := self._backlog.failures:
            raise ComputationError(
                f"{failures.total()} results could not be computed, for "
                f"{len(failures)} reason(s), see above; the others are kept"
            )

    def _be_patient(self) -> None:
        """Where nobody takes what waits: gives up, or waits for room and for what others store."""
        now = time.monotonic()
        if any(worker.doing for worker in self.staff.ready) or not self._backlog.left:
            self._alone_since = self._looked = now
            return
        if now > self._looked + STORED_S:
            self._backlog.forget_stored()
            self._looked = now
        if now > self._alone_since + PATIENCE_S:
            if not self.staff.hired:
                raise ComputationError(
                    f"no worker for {PATIENCE_S:.0f} s: see that machines of the cluster have "
                    "the CPUs and GPUs that a worker takes; what was finished is kept"
                )
            self.say(
                f"no worker has taken what is left for {PATIENCE_S:.0f} s: others may have the "
                "CPUs and GPUs of the cluster; waiting for them (Ctrl-C ends it)"
            )
            self._alone_since = now

    # Who computes it

    def _hand_out(self) -> None:
        for ahead in range(1, AHEAD + 1):
            for worker in self.staff.ready:
                while len(worker.doing) < ahead and (lot := self._lot_for(worker)):
                    self._give(worker, lot)

    def _lot_for(self, worker: Hired) -> Lot | None:
        return self._backlog.lot_for(worker.last, lambda model: self.staff.can(worker, model))

    def _give(self, worker: Hired, lot: Lot) -> None:
        # The less is left, the smaller the pieces: all are to end at the same time.
        share = math.ceil(self._backlog.left / (2 * len(self.staff.ready)))
        group, kept = lot.take(share), ExitStack()
        store = replace(self.store, _found=lot.asking.found)
        hopeful = [unit for unit in group.units if unit.digest not in self._backlog.failed]
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
            time.sleep(WAIT_S / 10)
            return
        ready, _ = self.staff.ray.wait(references, timeout=WAIT_S)
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
            # By whatever hand; where its machine has gone, too, no unit is to blame.
            self._end(worker, died=True, suspected=self.staff.is_there(worker))
            self.staff.look(now=True)
            return None
        lines = answer if reference not in worker.doing else answer[0]
        if lines:
            self._put(worker, lines)
        return answer

    def _take(self, worker: Hired, reference: Any) -> None:
        # What it told before comes first: the piece is not whole without.
        if not self._hear(worker) or (answer := self._received(worker, reference)) is None:
            return
        piece, (_, failure, told) = worker.doing.pop(reference), answer
        for one in told:
            notice(str(one))
        piece.kept.close()
        piece.lot.busy -= 1
        watch = self.watch_of(worker.name)
        watch.note("resumed", piece.group.units)
        for following in list(worker.doing.values())[:1]:
            watch.note("started", following.group.units)
        left = piece.left
        group = replace(piece.group, units=left)
        if failure is not None and failure.of_machine:
            self._backlog.back(piece.lot, [group])
            model = piece.lot.asking.task.model
            self.staff.refuse_model(worker, model, failure.reason, for_good=failure.for_good)
            if not failure.for_good:
                self._end(worker, died=False)  # the next one may have the memory, or the file
        elif failure is not None and len(left) > 1:
            self._backlog.back(piece.lot, group.halves())
        elif left:
            self._backlog.give_up(
                piece.lot, left, failure.reason if failure else "no result came back"
            )

    def _put(self, worker: Hired, lines: Sequence[str]) -> None:
        """Stores documents that are whole and of units that the worker was given."""
        wanted = {
            unit.digest: (unit, piece.lot.asking)
            for piece in worker.doing.values()
            for unit in piece.left
        }
        found: dict[int, tuple[Asking, list[tuple[WorkUnit, dict, dict]]]] = {}
        for line in lines:
            if not isinstance(line, str):
                continue
            try:
                document = parse(line.encode())
            except (Damaged, TooNew):
                continue
            if (known := wanted.pop(document.unit.digest, None)) is not None:
                unit, asking = known
                result = unit, dict(document.result), dict(document.provenance)
                found.setdefault(id(asking), (asking, []))[1].append(result)
        for asking, results in found.values():
            self.staff.achieved(worker, asking.task.model)
            store = replace(self.store, _found=asking.found, watch=self.watch_of(worker.name))
            store.put_all(results)
            asking.open -= len(results)

    def _end(self, worker: Hired, *, died: bool, suspected: bool = True) -> None:
        """Ends a worker; what it was at goes back. If it died, the first piece may be why.

        Args:
            worker: the worker.
            died: whether it has ended itself.
            suspected: whether what it was at may have killed it.
        """
        for place, piece in enumerate(worker.doing.values()):
            piece.kept.close()
            piece.lot.busy -= 1
            self.watch_of(worker.name).note("resumed", piece.group.units)
            lost = piece.group.lost + (died and not suspected and place == 0)
            group = replace(piece.group, units=piece.left, lost=lost)
            suspect = died and place == 0 and (suspected or lost >= LOSSES)
            tries = group.tries + suspect
            if not group.units:
                continue
            if not suspect or (tries < TRIES and (group.in_company or len(group.units) == 1)):
                self._backlog.back(piece.lot, [replace(group, tries=tries)])
            elif len(group.units) > 1:
                self._backlog.back(piece.lot, group.halves())
            else:
                reason = f"{TRIES} workers have died over it: they may lack memory"
                self._backlog.give_up(piece.lot, group.units, reason)
        worker.doing.clear()
        if died:
            self.staff.died(worker)
        else:
            self.staff.dismiss(worker)
