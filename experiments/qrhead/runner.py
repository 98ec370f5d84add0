"""Computes cells into a results folder, each once, whoever asks first.

Paths are the study's own: ``phase2/qrhead/…`` for detection, ``phase3/qrhead/…`` for ablation.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ablation.detection.ranking import HeadRanking
from ablation.errors import InvalidInput, ResultsError
from experiments.json_files import read_json
from experiments.qrhead.cell_ablation import AblationPlan, ablate, ablation_identity, check_plan
from experiments.qrhead.cell_detection import detect, detection_identity, read_ranking
from experiments.qrhead.cells import Cell
from experiments.stored import Stored


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
        document = Stored(path, identity).once(compute, fresh=self.fresh)
        assert document is not None  # it waits
        return document
