"""A stand-in for Ray in one process: calls run when they are waited for; workers die on demand."""

import hashlib
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any


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
