"""The workers of a run: hired on every machine of the cluster, as machines come and go."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ablation.errors import first_line
from experiments.cluster.connection import Workers, require_head
from experiments.cluster.worker import TELLING, Worker, required_versions

LOOK_S = 2.0
"""Seconds between two looks at the machines."""

TELL_S = 5.0
"""Seconds after which a worker is asked what it has finished: no more is lost if it dies."""

TRIES = 3
"""Workers on a machine that may fail to load a model before it is not used for it; counted anew
where another one has loaded it."""

LATE_S = 30.0
"""Seconds for which another machine is waited for where a model cannot be had on any."""

MOST_DEATHS = 10
"""Workers that may die on a machine, one after the other, without a result between."""


@dataclass(eq=False)
class Hired:
    """A worker.

    Attributes:
        name: of it, for people.
        node: its machine's id in Ray.
        actor: it.
        greeting: Ray's reference to what it says first: its versions.
        ready: whether they are ours.
        doing: Ray's references to the pieces of work it was given, in their order -> the pieces.
        last: what it had last, so that it gets more of the same.
        has_loaded: models that it has given results of.
        telling: Ray's reference to what it has finished so far, while that is asked for.
        asked: when it was asked for last.
    """

    name: str
    node: str
    actor: Any
    greeting: Any
    ready: bool = False
    doing: dict[Any, Any] = field(default_factory=dict)
    last: Any = None
    has_loaded: set[str] = field(default_factory=set)
    telling: Any = None
    asked: float = 0.0


@dataclass
class Staff:
    """The workers of a run.

    Attributes:
        ray: the module, connected.
        workers: what each takes.
        device: where they run models.
        say: is told which machines are not used, and why.
        require_head: raises where the cluster has no head any more.
    """

    ray: Any
    workers: Workers
    device: str
    say: Callable[[str], None]
    require_head: Callable[[Any], None] = require_head
    hired: list[Hired] = field(default_factory=list)
    _deaths: dict[str, int] = field(default_factory=dict)
    _refused: set[str] = field(default_factory=set)
    _unfit: dict[tuple[str, str], str] = field(default_factory=dict)
    _unfit_since: float = 0.0
    _failed: dict[tuple[str, str], int] = field(default_factory=dict)
    _hosts: dict[str, str] = field(default_factory=dict)
    _looked: float = 0.0
    _count: int = 0

    @property
    def unwanted(self) -> list[Hired]:
        """The workers of machines that are not used any more; whoever gave them work ends them."""
        return [worker for worker in self.hired if worker.node in self._refused]

    @property
    def ready(self) -> list[Hired]:
        """The workers that can be given work."""
        return [one for one in self.hired if one.ready and one.node not in self._refused]

    def look(self, *, now: bool = False) -> None:
        """Hires workers wherever there is room for more."""
        if not now and time.monotonic() < self._looked + LOOK_S:
            return
        self._looked = time.monotonic()
        self.require_head(self.ray)
        for node in self.ray.nodes():
            if node["Alive"] and node["NodeID"] not in self._refused:
                self._hosts[node["NodeID"]] = node["NodeManagerHostname"]
                there = sum(worker.node == node["NodeID"] for worker in self.hired)
                for _ in range(self._room(node["Resources"]) - there):
                    self._hire(node["NodeID"])

    def _room(self, resources: Mapping[str, float]) -> int:
        room = int(resources.get("CPU", 0) // self.workers.cpus)
        if self.workers.gpus:
            # 0.1 goes into 1 ten times, whatever floats say.
            room = min(room, int(resources.get("GPU", 0) / self.workers.gpus + 1e-9))
        return room

    def _hire(self, node: str) -> None:
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        made = self.ray.remote(concurrency_groups={TELLING: 1})(Worker).options(
            num_cpus=self.workers.cpus,
            num_gpus=self.workers.gpus,
            max_restarts=0,
            scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=False),
        )
        actor = made.remote(self.device, self.workers.cpus)
        self._count += 1
        name = f"{self._hosts[node]}/{self._count}"
        self.hired.append(Hired(name, node, actor, actor.versions.remote()))

    def greeted(self, worker: Hired) -> None:
        """Takes what a worker said first; a machine with other versions is refused."""
        try:
            theirs = self.ray.get(worker.greeting)
        except self.ray.exceptions.RayError as error:
            self.died(worker, f"no worker starts there ({_reason(error)})")
            return
        different = [
            f"{name} {theirs.get(name)} and not {version}"
            for name, version in required_versions().items()
            if theirs.get(name) != version
        ]
        if different:
            self.refuse(worker, f"it has {', '.join(different)}: install the same")
        else:
            worker.ready = True

    def achieved(self, worker: Hired, model: str) -> None:
        """A result has come from a worker: neither do all die there, nor can none load a model."""
        self._deaths.pop(worker.node, None)
        if model not in worker.has_loaded:  # not each time: others of the machine may go on failing
            worker.has_loaded.add(model)
            self._failed.pop((worker.node, model), None)

    def died(
        self, worker: Hired, reason: str = "all workers die there: they may lack memory"
    ) -> None:
        """Does without a worker that has died; without its machine, where too many did."""
        self.dismiss(worker)
        self._deaths[worker.node] = self._deaths.get(worker.node, 0) + 1
        if self._deaths[worker.node] >= MOST_DEATHS:
            self.refuse(worker, reason)

    def refuse(self, worker: Hired, reason: str) -> None:
        """Does without a machine; its workers are unwanted from now on."""
        if worker.node not in self._refused:
            self._refused.add(worker.node)
            self.say(f"{self._hosts[worker.node]} is not used: {reason}")

    def refuse_model(self, worker: Hired, model: str, reason: str, *, for_good: bool) -> None:
        """Gives a machine no more work of a model that cannot be had there.

        Args:
            worker: who could not have it.
            model: the key of the model.
            reason: why.
            for_good: whether the next try would end in the same way; else some are allowed.
        """
        failed = self._failed[worker.node, model] = self._failed.get((worker.node, model), 0) + 1
        if self.can(worker, model) and (for_good or failed >= TRIES):
            self._unfit[worker.node, model] = reason
            self._unfit_since = time.monotonic()
            self.say(f"{self._hosts[worker.node]} is not used for {model}: {reason}")

    def can(self, worker: Hired, model: str) -> bool:
        """Whether a worker may be given work of a model."""
        return (worker.node, model) not in self._unfit

    def somebody_can(self, model: str) -> bool:
        """Whether a worker that is ready may have work of a model; so, too, while none is ready."""
        return not self.ready or any(self.can(worker, model) for worker in self.ready)

    def why_nobody_can(self, model: str) -> str | None:
        """Why a model cannot be had on any machine with workers; None where it may be.

        Machines that come late are waited for, for a while.
        """
        if not self.hired or any(self.can(worker, model) for worker in self.hired):
            return None
        if time.monotonic() < self._unfit_since + LATE_S:
            return None
        return self._unfit[self.hired[0].node, model]

    def is_there(self, worker: Hired) -> bool:
        """Whether the machine of a worker is still one of the cluster."""
        self.require_head(self.ray)
        return any(one["NodeID"] == worker.node and one["Alive"] for one in self.ray.nodes())

    def dismiss(self, worker: Hired) -> None:
        """Ends a worker, if it has not ended."""
        if worker in self.hired:
            self.hired.remove(worker)
        self.ray.kill(worker.actor)

    def ask(self) -> None:
        """Asks those at work what they have finished, now and then."""
        now = time.monotonic()
        for worker in self.hired:
            if not worker.doing:
                worker.asked = now
            elif worker.telling is None and now >= worker.asked + TELL_S:
                worker.asked = now
                worker.telling = worker.actor.so_far.remote()

    def references(self) -> Iterator[Any]:
        """Whatever Ray may have an answer to."""
        for worker in self.hired:
            if not worker.ready:
                yield worker.greeting
            if worker.telling is not None:
                yield worker.telling
            yield from worker.doing


def _reason(error: Exception) -> str:
    """The line of Ray's that says most."""
    lines = [line.strip() for line in str(error).splitlines() if "Error:" in line]
    return lines[-1][:300] if lines else first_line(error)
