"""How many units a grid takes, without computing any: what a ranking would tell is made up."""

import json
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ablation.errors import InvalidInput
from ablation.heads import HeadGrid
from experiments.cluster.grid.tasks import Task
from experiments.exp10.measured.evaluations import KIND as PERPLEXITY
from experiments.store import Document, Store, WorkUnit
from experiments.store.deferring import Deferring, NotYet


@dataclass(frozen=True)
class Counting(Deferring):
    """A store that makes up what is missing, so that one can go on asking: as many units, others.

    Attributes:
        grid: the heads of the model that is asked about.
        blocks: windows of a text -> their blocks, of perplexities that are stored:
            what is made up is compared with them.
    """

    grid: HeadGrid = HeadGrid.even(1, 1)
    blocks: Mapping[str, Any] = field(default_factory=dict)

    def find(self, unit: WorkUnit) -> Document | None:
        # Read at once: a damaged result is missing, and a plan leaves it where it is.
        found = Store.find(self, unit)
        if found is None and unit.digest in self._noted and unit.kind in _MADE_UP:
            result = _MADE_UP[unit.kind](unit, self)
            return Document(unit, result, {"time": "", "seconds": 0})
        return found

    @property
    def blocks_found(self) -> dict[str, Any]:
        """``blocks`` as they would be by all that was found."""
        return {
            _windows(found.unit): found.result["block_counts"]
            for found in self._found.values()
            if found.unit.kind == PERPLEXITY
        }


def _windows(unit: WorkUnit) -> str:
    """What decides the blocks of a perplexity."""
    return json.dumps([unit.key.get(name) for name in ("text_sha256", "window", "bos")])


def _perplexity(unit: WorkUnit, asked: Counting) -> dict[str, Any]:
    counts = asked.blocks.get(_windows(unit), [[1]])
    return {"block_nll_sums": [[float(n) for n in of] for of in counts], "block_counts": counts}


def _scores(unit: WorkUnit, asked: Counting) -> dict[str, Any]:
    # Every prompt finds the same heads, and every method others.
    order, grid = random.Random(str(unit.key.get("method"))), asked.grid
    return {"scores": [[order.random() for _ in range(heads)] for heads in grid.by_layer]}


_MADE_UP: Mapping[str, Any] = {
    "scores": _scores,
    "answer": lambda *_: {"answer": ""},
    PERPLEXITY: _perplexity,
}


def _asked(task: Task, grid: HeadGrid, store: Store) -> Counting:
    blocks: dict[str, Any] = {}
    while True:
        asked = Counting(
            store.root, store.run, store.fresh, watch=store.watch, grid=grid, blocks=blocks
        )
        try:
            task.ask(asked)
        except NotYet:
            pass  # what comes after it is few
        except InvalidInput:
            # Made up before the first of its text was found: of other blocks.
            if asked.blocks_found.keys() <= blocks.keys():
                raise
            blocks = asked.blocks_found
            continue
        return asked


@dataclass
class Count:
    """Units of a grid.

    Attributes:
        stored: how many are there.
        missing: model, kind, tokens of a prompt or text -> how many are not.
        seconds: the same -> what those that are there took.
        devices: where they were computed.
    """

    stored: int = 0
    missing: Counter[tuple[str, str, int]] = field(default_factory=Counter)
    seconds: dict[tuple[str, str, int], list[float]] = field(default_factory=dict)
    devices: set[str] = field(default_factory=set)

    def _note(self, of: tuple[str, str, int], found: Document) -> None:
        self.stored += 1
        took = found.provenance.get("seconds")
        if isinstance(took, int | float):
            self.seconds.setdefault(of, []).append(took)
            self.devices.add(str(found.provenance.get("device", "device unknown")))


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
                count.missing[task.model, unit.kind, task.size] += 1
                seen.add(unit.digest)
        for digest, document in asked._found.items():
            if digest not in seen:
                count._note((task.model, document.unit.kind, task.size), document)
                seen.add(digest)
    return count
