"""How results are computed: what a store calls for what it lacks.

Whatever computes says all that it needs by its fields and is told which units, so that another
process, on another machine, can be given the same (``experiments.cluster``): write it as a
dataclass or a ``functools.partial`` of plain data, not as a closure.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from experiments.store.documents import WorkUnit

Computed = tuple[dict[str, Any], dict[str, Any]]
"""A result and its provenance."""

Compute = Callable[[], Computed]
"""Gives one result."""

ComputeSome = Callable[[Sequence[WorkUnit]], Iterable[tuple[WorkUnit, Computed]]]
"""Gives the results of units, in any order.

A result is the same to the last digit whichever others are asked for with it. One that has to do
the work of many units for each of them has an attribute ``in_company`` that is true: who hands them
out leaves them together.
"""

ComputeInTurn = Callable[[Sequence[WorkUnit]], Iterable[tuple[WorkUnit, Compute]]]
"""Gives what computes the results of units, in any order; to be called, if at all, before the next
is taken."""


@dataclass(frozen=True)
class One:
    """Computes one unit, in the form of ``ComputeSome``."""

    compute: Compute

    def __call__(self, units: Sequence[WorkUnit]) -> Iterator[tuple[WorkUnit, Computed]]:
        (unit,) = units
        yield unit, self.compute()


@dataclass(frozen=True)
class InTurn:
    """Computes each of some units in its turn, in the form of ``ComputeSome``."""

    compute: ComputeInTurn

    def __call__(self, units: Sequence[WorkUnit]) -> Iterator[tuple[WorkUnit, Computed]]:
        for unit, compute in self.compute(units):
            yield unit, compute()
