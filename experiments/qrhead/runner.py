"""Computes cells into a results folder, each once, whoever asks first.

Paths are the study's own: ``phase2/qrhead/…`` for detection, ``phase3/qrhead/…`` for ablation. A
stored document is used again only if its ``identity`` is that of the cell at hand: same weights,
same prompts, same conditions.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock

from ablation.detection.ranking import HeadRanking
from ablation.errors import ComputationError, InvalidInput, ResultsError
from experiments.json_files import read_json, write_json
from experiments.qrhead.cell_ablation import AblationPlan, ablate, ablation_identity, check_plan
from experiments.qrhead.cell_detection import detect, detection_identity, read_ranking
from experiments.qrhead.cells import Cell


@dataclass(frozen=True)
class ResultsFolder:
    """Where the documents of the QRHead experiment lie under ``root``."""

    root: Path

    def detection(self, model: str, question: str, tokens: int) -> Path:
        return self._path("phase2", model, question, tokens)

    def ablation(self, model: str, question: str, tokens: int) -> Path:
        return self._path("phase3", model, question, tokens)

    def _path(self, phase: str, model: str, question: str, tokens: int) -> Path:
        return self.root / phase / "qrhead" / model / question / f"tokens_{tokens}.json"


@dataclass(frozen=True)
class CellRunner:
    """Runs cells into ``results``.

    Attributes:
        results: the folder.
        plan: what is ablated.
        ranking_file: a ranking to use instead of the cell's own.
        fresh: compute even what is stored.
    """

    results: ResultsFolder
    plan: AblationPlan = AblationPlan()
    ranking_file: Path | None = None
    fresh: bool = False

    def detect(self, cell: Cell) -> dict[str, Any]:
        """The detection document of ``cell``, stored or computed now.

        Raises:
            ResultsError: it cannot be stored.
        """
        path = self.results.detection(cell.loaded.spec.key, cell.question, cell.tokens)
        return self._once(path, detection_identity(cell), lambda: detect(cell))

    def ablate(self, cell: Cell) -> dict[str, Any]:
        """The ablation document of ``cell``, stored or computed now; so is the ranking it needs.

        Raises:
            InvalidInput: impossible levels, or a ranking file that cannot be used.
            ResultsError: it cannot be stored.
        """
        check_plan(self.plan, cell.loaded.grid)
        ranking, source = self._ranking(cell)
        path = self.results.ablation(cell.loaded.spec.key, cell.question, cell.tokens)
        return self._once(
            path,
            ablation_identity(cell, ranking, self.plan),
            lambda: ablate(cell, ranking, self.plan, source),
        )

    def _ranking(self, cell: Cell) -> tuple[HeadRanking, str]:
        if self.ranking_file is None:
            document = self.detect(cell)
            path = self.results.detection(cell.loaded.spec.key, cell.question, cell.tokens)
            source = path.relative_to(self.results.root).as_posix()
        else:
            path, source = self.ranking_file, str(self.ranking_file)
        try:
            if self.ranking_file is not None:
                document = read_json(path)
            return read_ranking(document, cell), source
        except (InvalidInput, ResultsError) as error:
            raise InvalidInput(f"ranking file {path}: {error}") from None

    def _once(
        self, path: Path, identity: dict[str, Any], compute: Callable[[], dict[str, Any]]
    ) -> dict[str, Any]:
        lock = FileLock(path.with_name(f".{path.name}.lock"))
        with _storing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            lock.acquire()
        try:
            if not self.fresh and path.exists():
                document = read_json(path)
                if isinstance(document, dict) and document.get("identity") == identity:
                    return document
            document = compute()
            with _storing(path):
                write_json(path, document)
            return document
        except torch.OutOfMemoryError as error:
            raise ComputationError(
                f"out of memory on the device ({str(error).splitlines()[0]}): use fewer --tokens "
                "or a smaller --dtype"
            ) from error
        finally:
            lock.release()


@contextmanager
def _storing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ResultsError(
            f"{path}: the result cannot be stored ({error.strerror or error}): free some space, "
            "or give another folder with --out"
        ) from error
