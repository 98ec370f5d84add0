"""Computes cells into a results folder, each once, whoever asks first.

Paths are the study's own: ``phase2/qrhead/…`` for detection, ``phase3/qrhead/…`` for ablation.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ablation.controls import ControlDraw
from ablation.detection.ranking import HeadRanking
from ablation.errors import InvalidInput, ResultsError
from experiments.json_files import read_json
from experiments.qrhead.cell_ablation import AblationPlan, ablate, ablation_identity, check_plan
from experiments.qrhead.cell_controls import ablate_control, control_identity
from experiments.qrhead.cell_detection import detect, detection_identity, read_ranking
from experiments.qrhead.cells import Cell, prompts_sha256
from experiments.qrhead.noise import measure_noise, noise_identity
from experiments.stored import Stored


@dataclass(frozen=True)
class ResultsFolder:
    """Where the documents of the QRHead experiment lie under ``root``."""

    root: Path

    def detection(self, model: str, question: str, tokens: int) -> Path:
        return self._path("phase2", model, question, tokens)

    def ablation(self, model: str, question: str, tokens: int) -> Path:
        return self._path("phase3", model, question, tokens)

    def control(self, model: str, question: str, tokens: int, draw: ControlDraw) -> Path:
        beside = self.ablation(model, question, tokens)
        return beside.with_name(f"{beside.stem}_controls") / f"{draw}.json"

    def noise(self, model: str) -> Path:
        return self.root / "phase3" / "qrhead" / model / "noise.json"

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
    _rankings: dict[tuple[str, str], tuple[HeadRanking, str]] = field(
        default_factory=dict, repr=False
    )

    def detect(self, cell: Cell) -> dict[str, Any]:
        """The detection document of ``cell``, stored or computed now.

        Raises:
            ResultsError: it cannot be stored.
        """
        return self._detection(cell).get(fresh=self.fresh)

    def ablate(self, cell: Cell) -> dict[str, Any]:
        """The ablation document of ``cell``, stored or computed now; so is the ranking it needs.

        Raises:
            InvalidInput: impossible levels, or a ranking file that cannot be used.
            ResultsError: it cannot be stored.
        """
        check_plan(self.plan, cell.loaded.grid)
        return self._ablation(cell).get(fresh=self.fresh)

    def controls(self, cell: Cell) -> list[dict[str, Any]]:
        """The documents of the plan's further draws of control heads, stored or computed now.

        A draw that another process is computing is left to it, and waited for at the end.

        Raises:
            InvalidInput, ResultsError: as ``ablate``.
        """
        check_plan(self.plan, cell.loaded.grid)
        units = [self._control(cell, draw) for draw in self.plan.further_draws()]
        found = [unit.take(fresh=self.fresh) for unit in units]
        # What another process has computed meanwhile is as fresh as our own.
        return [document or unit.get() for document, unit in zip(found, units, strict=True)]

    def noise(self, cell: Cell) -> dict[str, Any]:
        """The run-to-run noise of the model's answers, measured on ``cell`` or stored."""
        return self._noise(cell, self.ablate(cell)).get(fresh=self.fresh)

    def share(self, cells: Sequence[Cell]) -> None:
        """Computes what ``cells`` lack, but leaves to other processes what they are at.

        Whoever needs all of it calls this first, so that nobody waits while there is work: the
        rankings, the ablations, the draws of controls, and the noise of the first cell.

        Raises:
            InvalidInput, ResultsError: as ``ablate``.
        """
        for cell in cells:
            check_plan(self.plan, cell.loaded.grid)
        ranked = [cell for cell in cells if self._is_ranked(cell)]
        ablated = [self._ablation(cell).take() for cell in ranked]
        for cell in ranked:
            for draw in self.plan.further_draws():
                self._control(cell, draw).take()
        if ablated and ablated[0] is not None and ranked[0] is cells[0]:
            self._noise(cells[0], ablated[0]).take()

    def _is_ranked(self, cell: Cell) -> bool:
        """Whether the cell's ranking need not be waited for; computes it if it is missing."""
        return self.ranking_file is not None or self._detection(cell).take() is not None

    def _detection(self, cell: Cell) -> "_Unit":
        path = self.results.detection(cell.loaded.spec.key, cell.question, cell.tokens)
        return _Unit(Stored(path, detection_identity(cell)), lambda: detect(cell))

    def _ablation(self, cell: Cell) -> "_Unit":
        ranking, source = self._ranking(cell)
        path = self.results.ablation(cell.loaded.spec.key, cell.question, cell.tokens)
        return _Unit(
            Stored(path, ablation_identity(cell, ranking, self.plan)),
            lambda: ablate(cell, ranking, self.plan, source),
        )

    def _control(self, cell: Cell, draw: ControlDraw) -> "_Unit":
        ranking, _ = self._ranking(cell)
        path = self.results.control(cell.loaded.spec.key, cell.question, cell.tokens, draw)
        return _Unit(
            Stored(path, control_identity(cell, ranking, self.plan, draw)),
            lambda: ablate_control(cell, ranking, self.plan, draw),
        )

    def _noise(self, cell: Cell, ablated: Mapping[str, Any]) -> "_Unit":
        return _Unit(
            Stored(self.results.noise(cell.loaded.spec.key), noise_identity(cell, self.plan)),
            lambda: measure_noise(cell, self.plan, ablated["baseline"]),
        )

    def _ranking(self, cell: Cell) -> tuple[HeadRanking, str]:
        # Kept, so that a fresh run detects once for the tested heads and for every control.
        key = cell.loaded.fingerprint, prompts_sha256(cell.detection)
        if key not in self._rankings:
            self._rankings[key] = self._read_ranking(cell)
        return self._rankings[key]

    def _read_ranking(self, cell: Cell) -> tuple[HeadRanking, str]:
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


@dataclass(frozen=True)
class _Unit:
    """A document, and how it is computed: the work that one process takes at a time."""

    stored: Stored
    compute: Callable[[], dict[str, Any]]

    def get(self, *, fresh: bool = False) -> dict[str, Any]:
        """The document, once whoever computes it has it; ``fresh``: computed even if stored."""
        document = self.stored.once(self.compute, fresh=fresh)
        assert document is not None  # it waits
        return document

    def take(self, *, fresh: bool = False) -> dict[str, Any] | None:
        """The document, or None while another process is computing it."""
        return self.stored.once(self.compute, fresh=fresh, wait=False)
