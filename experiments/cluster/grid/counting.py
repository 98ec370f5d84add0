"""How many units a grid takes, without computing any: what a ranking would tell is made up."""

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ablation.errors import InvalidInput
from ablation.heads import HeadGrid
from experiments.cluster.grid.tasks import Task
from experiments.store import Document, Store, WorkUnit
from experiments.store.deferring import Deferring, NotYet

PERPLEXITY = "perplexity"
"""The kind of figures that are compared with one another while others are asked for."""


@dataclass(frozen=True)
class Counting(Deferring):
    """A store that makes up what is missing, so that one can go on asking: as many units, others.

    Attributes:
        grid: the heads of the model that is asked about.
        alike: whether perplexities that are stored are made up, too. Beside those that are not,
            which are of no text, they would not do.
    """

    grid: HeadGrid = HeadGrid(1, 1)
    alike: bool = False

    def find(self, unit: WorkUnit) -> Document | None:
        # Read at once: a damaged result is missing, and a plan leaves it where it is.
        found = Store.find(self, unit)
        missing = found is None and unit.digest in self._noted and unit.kind in _MADE_UP
        if missing or (found is not None and self.alike and unit.kind == PERPLEXITY):
            return Document(unit, _MADE_UP[unit.kind](unit, self.grid), {"time": "", "seconds": 0})
        return found


def _scores(unit: WorkUnit, grid: HeadGrid) -> dict[str, Any]:
    # Every prompt finds the same heads, and every method others.
    order = random.Random(str(unit.key.get("method")))
    return {"scores": [[order.random() for _ in range(grid.heads)] for _ in range(grid.layers)]}


_MADE_UP: Mapping[str, Any] = {
    "scores": _scores,
    "answer": lambda *_: {"answer": ""},
    PERPLEXITY: lambda *_: {"block_nll_sums": [[1.0]], "block_counts": [[1]]},
}


def _asked(task: Task, grid: HeadGrid, store: Store) -> Counting:
    for alike in (False, True):
        asked = Counting(
            store.root, store.run, store.fresh, watch=store.watch, grid=grid, alike=alike
        )
        try:
            task.ask(asked)
        except NotYet:
            pass  # what comes after it is few
        except InvalidInput:
            if not alike:
                continue
            raise
        break
    return asked


@dataclass
class Count:
    """Units of a grid.

    Attributes:
        stored: kind -> how many are there.
        missing: model, kind -> how many are not.
    """

    stored: Counter[str] = field(default_factory=Counter)
    missing: Counter[tuple[str, str]] = field(default_factory=Counter)


def counted(tasks: Sequence[Task], grids: Mapping[str, HeadGrid], store: Store) -> Count:
    """Counts the units of tasks; those that several want are counted once.

    Args:
        tasks: the tasks.
        grids: key of a model -> its heads.
        store: where results are kept.
    """
    count = Count()
    seen: set[str] = set()
    for task in tasks:
        asked = _asked(task, grids[task.model], store)
        for unit in [unit for job in asked.jobs for unit in job.units]:
            if unit.digest not in seen:
                count.missing[task.model, unit.kind] += 1
                seen.add(unit.digest)
        for digest, document in asked._found.items():
            if digest not in seen:
                count.stored[document.unit.kind] += 1
                seen.add(digest)
    return count
