"""Runs a study over and over and kills it; a script, so that its processes are its own.

    python -m experiments.tests.store.killed_runs FOLDER KILLS (sweep|cell)

Prints a JSON object: how many runs were killed, how many units that were begun were lost, which
were computed although they were stored, and whether all documents ended up as those of a run that
nobody disturbed; and the same of three runs that start together. torch is imported once, and every
run is a fork: it must compute in one thread.
"""

import json
import os
import random
import signal
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import torch

from ablation.filings.synthetic import synthetic_filings
from ablation.models.model import open_model
from ablation.models.registry import model_spec
from ablation.tests.support.tiny_models import tiny_directory
from experiments.cells.cell import build_cell
from experiments.cells.plan import AblationPlan
from experiments.cells.runner import CellRunner, ResultsFolder
from experiments.exp10.measured.evaluations import Evaluations, PerplexitiesOf
from experiments.exp10.measured.setting import Setting
from experiments.exp10.runner import run_exp10
from experiments.store import Run, Store, WorkUnit
from experiments.store.listing import paths
from experiments.tests.exp10.small_settings import small_setting

VOLATILE = ("provenance", "timestamp")


class Study(ABC):
    """The same small experiment in one folder after another."""

    def __init__(self, root: Path):
        self._root = root

    @abstractmethod
    def run(self, name: str, run: str) -> None:
        """Runs the experiment in the folder ``name``; notes every unit that it begins with."""

    def begun(self, name: str) -> list[tuple[str, str]]:
        """Run and unit, in order."""
        log = self._root / name / "begun"
        lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
        return [(run, digest) for run, digest in map(str.split, lines)]

    def stored(self, name: str) -> set[str]:
        """The digests of the units that are stored."""
        return {path.stem for path in paths(self._root / name / "store")}

    def documents(self, name: str) -> dict[str, Any]:
        """What was stored and exported, without when and how."""
        folder = self._root / name
        files = [*paths(folder / "store"), *(folder / "data").rglob("*.json")]
        bodies = {path.name: json.loads(path.read_text(encoding="utf-8")) for path in files}
        for body in bodies.values():
            for key in (*VOLATILE, "sha256"):
                body.pop(key, None)
            # Its last digit depends on which answers are found at once.
            body.get("result", {}).pop("log_probability", None)
        return bodies


class Sweep(Study):
    """Perplexities under heads ablated alone, a unit at a time."""

    def __init__(self, root: Path):
        super().__init__(root)
        self._setting: Setting = small_setting(root / "model", tokens=24, window=8)

    def run(self, name: str, run: str) -> None:
        folder = self._root / name
        folder.mkdir(exist_ok=True)
        evaluations = Evaluations(self._setting, Store(folder / "store", Run(run, "test")))
        whole = PerplexitiesOf.measured

        def noting(self: PerplexitiesOf, heads: Any, measure: Any) -> Any:
            with (folder / "begun").open("a") as log:
                log.write(f"{run} {evaluations.unit(heads).digest}\n")
            return whole(self, heads, measure)

        # Each run has a process of its own, or nothing after it.
        with mock.patch.object(PerplexitiesOf, "measured", noting):
            run_exp10(evaluations, "a", folder / "data")


@dataclass(frozen=True)
class Begun:
    """Notes units that are begun with, several at a time."""

    path: Path
    run: str

    def note(self, event: str, units: Iterable[WorkUnit]) -> None:
        if event == "started":
            with self.path.open("a") as log:
                log.writelines(f"{self.run} {unit.digest}\n" for unit in units)


class OneCell(Study):
    """The heads of a cell, and its answers under them and under controls."""

    def __init__(self, root: Path):
        super().__init__(root)
        model = open_model(model_spec(str(tiny_directory(root / "model", layers=2, heads=64))))
        self._cell = build_cell(model, synthetic_filings(10), "inc_state", 350)

    def run(self, name: str, run: str) -> None:
        folder = self._root / name
        folder.mkdir(exist_ok=True)
        store = Store(folder / "store", Run(run, "test"), watch=Begun(folder / "begun", run))
        runner = CellRunner(store, ResultsFolder(folder / "data"), AblationPlan(levels=(2, 3)))
        runner.ablate(self._cell)
        runner.controls(self._cell)


def forked(work: Callable[[], None]) -> int:
    """Runs ``work`` in a process of its own: its process id."""
    if (process := os.fork()) == 0:
        try:
            work()
            os._exit(0)
        except BaseException as error:
            sys.stderr.write(f"{error!r}\n")
            os._exit(1)
    return process


def ended(process: int) -> bool:
    """Waits for the end of a process: whether it came to its own end."""
    _, status = os.waitpid(process, 0)
    if os.WIFEXITED(status) and os.WEXITSTATUS(status):
        sys.exit("a run failed")
    return os.WIFEXITED(status)


def kill_at_random(study: Study, kills: int) -> dict[str, Any]:
    """Kills runs at seeded random times, and starts anew in another folder when one is finished."""
    chance, killed, folders, again = random.Random(0), 0, 0, []
    started = time.perf_counter()
    study.run("undisturbed", "whole")
    whole = time.perf_counter() - started
    expected, same, lost = study.documents("undisturbed"), True, 0
    while killed < kills:
        name = f"killed {folders}"
        finished = False
        while not finished:
            run, before = f"run{killed}", study.stored(name)
            process = forked(lambda name=name, run=run: study.run(name, run))  # type: ignore[misc]
            if killed < kills:
                time.sleep(chance.uniform(0, whole))
                os.kill(process, signal.SIGKILL)
            finished = ended(process)
            killed += not finished
            again += [unit for by, unit in study.begun(name) if by == run and unit in before]
        same = same and study.documents(name) == expected
        lost += len(study.begun(name)) - len(study.stored(name))
        folders += 1
    return {"killed": killed, "folders": folders, "lost": lost, "again": again, "same": same}


def start_together(study: Study, runs: int) -> dict[str, Any]:
    """Starts several runs of the same at once."""
    processes = [
        forked(lambda number=number: study.run("together", f"run{number}"))  # type: ignore[misc]
        for number in range(runs)
    ]
    for process in processes:
        assert ended(process)
    begun = study.begun("together")
    return {
        "units_together": len(study.stored("together")),
        "begun_together": len(begun),
        "same_together": study.documents("together") == study.documents("undisturbed"),
    }


if __name__ == "__main__":
    torch.set_num_threads(1)
    study: Study = {"sweep": Sweep, "cell": OneCell}[sys.argv[3]](Path(sys.argv[1]))
    found = kill_at_random(study, int(sys.argv[2]))
    sys.stdout.write(json.dumps(found | start_together(study, 3)))
