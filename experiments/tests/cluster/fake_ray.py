"""A stand-in for Ray in one process, and a driver on it that squares numbers.

Calls run when they are waited for; workers die on demand.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from ablation.errors import notice
from experiments.cluster.connection import Workers
from experiments.cluster.driver import Driver
from experiments.cluster.grid.tasks import Task
from experiments.cluster.staff import Staff
from experiments.store import Store, WorkUnit
from experiments.store.watch import Unwatched


class Dead(Exception):
    """What a call to a worker that has died ends with."""


class FakeRay:
    """Machines, workers and references.

    Attributes:
        machines: id -> CPUs of the machines that are there.
        dies: is asked before each call of a worker's method whether it dies instead.
        called: the units of each call of ``compute``, in their order.
        pick: which of the calls that are waited for is answered next; else the first one.
    """

    exceptions = SimpleNamespace(RayError=Dead)

    def __init__(self, machines: dict[str, int]) -> None:
        self.machines = machines
        self.dies: Callable[[str, list[Any]], bool] = lambda machine, units: False
        self.called: list[list[Any]] = []
        self.pick: Callable[[list[int]], int] = lambda references: references[0]
        self._calls: dict[int, tuple[str, Callable[[], Any]]] = {}
        self._done: dict[int, Any] = {}
        self._count = 0

    def nodes(self) -> list[dict[str, Any]]:
        return [
            {
                "Alive": True,
                "NodeID": hashlib.sha224(name.encode()).hexdigest(),
                "NodeManagerHostname": name,
                "Resources": {"CPU": cpus},
            }
            for name, cpus in self.machines.items()
        ]

    def remote(self, **_: Any) -> Any:
        return lambda made: SimpleNamespace(options=lambda **how: _Made(self, made, how))

    def put(self, value: Any) -> Any:
        return value

    def get(self, reference: int) -> Any:
        self._answer(reference)
        value = self._done.pop(reference)
        if isinstance(value, Exception):
            raise value
        return value

    def wait(self, references: list[int], timeout: float) -> tuple[list[int], list[int]]:
        first = self.pick(references)
        others = [reference for reference in references if reference != first]
        self._answer(first)
        return [first], others

    def meanwhile(self, name: str) -> None:
        """Answers the calls of a method, in the middle of another one's, as a thread would."""
        for reference in [one for one, (method, _) in self._calls.items() if method == name]:
            self._answer(reference)

    def _answer(self, reference: int) -> None:
        if reference not in self._done:
            try:
                self._done[reference] = self._calls.pop(reference)[1]()
            except Dead as error:
                self._done[reference] = error

    def kill(self, actor: "_Actor") -> None:
        actor.dead = True

    def call(self, method: str, work: Callable[[], Any]) -> int:
        self._count += 1
        self._calls[self._count] = method, work
        return self._count


class _Made:
    def __init__(self, ray: FakeRay, made: type, how: dict[str, Any]) -> None:
        node = how["scheduling_strategy"].node_id
        names = {one["NodeID"]: one["NodeManagerHostname"] for one in ray.nodes()}
        self._ray, self._made, self._machine = ray, made, names[node]

    def remote(self, *arguments: Any) -> "_Actor":
        return _Actor(self._ray, self._made(*arguments), self._machine)


class _Actor:
    def __init__(self, ray: FakeRay, worker: Any, machine: str) -> None:
        self.dead = False
        self._ray, self._worker, self._machine = ray, worker, machine

    def __getattr__(self, name: str) -> Any:
        def call(*arguments: Any) -> Any:
            units = list(arguments[1]) if name == "compute" else []
            if self.dead or self._ray.dies(self._machine, units):
                self.dead = True
                raise Dead(f"{self._machine} has lost a worker")
            if name == "compute":
                self._ray.called.append([unit for _, unit, _ in units])
            return getattr(self._worker, name)(*arguments)

        method: SimpleNamespace = SimpleNamespace(
            remote=lambda *arguments: self._ray.call(name, lambda: call(*arguments)),
            options=lambda **how: method,
        )
        return method


MEANWHILE: list[Callable[[str], None]] = []
"""What happens while some squares are computed."""


@dataclass(frozen=True)
class Squares:
    """Squares numbers, but for those that it may not."""

    refused: tuple[int, ...] = ()

    def __call__(self, units):
        from ablation.errors import InvalidInput

        for unit in units:
            number = unit.key["number"]
            if number in self.refused:
                raise InvalidInput(f"{number} has no square here")
            for happens in MEANWHILE if number % 4 == 3 else ():
                happens("so_far")
            yield unit, ({"square": number**2}, {"seconds": 0.0, "time": ""})


class Noticing(Squares):
    """Squares that the user should know something about."""

    def __call__(self, units):
        notice("answers are greedy all the same")
        return super().__call__(units)


def unit(number):
    return WorkUnit("square", {"number": number}, f"square of {number}")


@dataclass
class Driven:
    """A store, tasks on it, and what was said."""

    store: Store
    ray: FakeRay
    said: list[str] = field(default_factory=list)

    def __call__(self, *tasks, workers=Workers()):
        staff = Staff(self.ray, workers, "cpu", self.said.append, lambda ray: None)
        Driver(staff, self.store, lambda name: Unwatched(), self.said.append).run(tasks)

    def squares(self, count):
        found = [self.store.find(unit(n)) for n in range(count)]
        return [one and one.result["square"] for one in found]

    @property
    def numbers(self):
        return [key["number"] for call in self.ray.called for key in call]


def asking(count, compute=Squares(), at_once=8):
    def ask(store):
        store.all([unit(n) for n in range(count)], compute, at_once=at_once)

    return Task(f"{count} squares", "model", 1, ask)
