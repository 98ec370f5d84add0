"""Computes cells into a store, and exports the study's own result files.

Their paths are the study's, too: ``phase2/qrhead/…`` for detection, ``phase3/qrhead/…`` for
ablation; other methods and rankings from files have folders of their own, other ways of ablation a
name of their own.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from ablation.assets.file_names import told_apart
from ablation.detection.controls import ControlDraw
from ablation.detection.ranking import HeadRanking
from ablation.detection.ranking_formats import read_entries
from ablation.errors import InvalidInput, ResultsError
from ablation.heads import Head
from experiments.cells.cell import Cell, prompts_sha256
from experiments.cells.choices import CellAblation
from experiments.cells.conditions import Heads, answer_units, run_conditions
from experiments.cells.controls import control_document, control_sets
from experiments.cells.detection import (
    Detection,
    detected,
    detection_document,
    scores_units,
)
from experiments.cells.grading import Outcomes
from experiments.cells.names import fold_tag
from experiments.cells.noise import measure_noise, noise_unit
from experiments.cells.plan import (
    AblationPlan,
    ablation_document,
    check_plan,
    conditions,
)
from experiments.machine.files.json_files import read_text, storing, write_json
from experiments.store import Store

UNABLATED: tuple[Head, ...] = ()


@dataclass(frozen=True)
class ResultsFolder:
    """Where the exported files of the QRHead experiment lie under ``root``.

    Attributes:
        root: the folder.
        ranking: what stands for the method where the heads are ranked by a file.
    """

    root: Path
    ranking: str | None = None

    def detection(self, cell: Cell, plan: AblationPlan) -> Path:
        return self._path("phase2", cell, plan.method, "")

    def ablation(self, cell: Cell, plan: AblationPlan) -> Path:
        return self._path("phase3", cell, self.ranking or plan.method, plan.ablation.tag)

    def control(self, cell: Cell, plan: AblationPlan, draw: ControlDraw) -> Path:
        beside = self.ablation(cell, plan)
        return beside.with_name(f"{beside.stem}_controls") / f"{draw}.json"

    def figures(self, plan: AblationPlan) -> Path:
        return self.root / "figures" / (self.ranking or plan.method)

    def _path(self, phase: str, cell: Cell, ranked_by: str, tag: str) -> Path:
        folder = self.root / phase / ranked_by / cell.model.spec.key / cell.question
        return folder / f"tokens_{cell.tokens}{fold_tag(cell.fold)}{tag}.json"


@dataclass(frozen=True)
class CellRunner:
    """Runs cells.

    Attributes:
        store: where what is computed is kept.
        results: the folder that files are exported to.
        plan: what is ablated.
        ranking_file: a ranking to use instead of the cell's own, in any of the formats of
            ``ablation.detection.ranking_formats``.
    """

    store: Store
    results: ResultsFolder
    plan: AblationPlan
    ranking_file: Path | None = None
    _rankings: dict[tuple[str, ...], tuple[HeadRanking, str]] = field(
        default_factory=dict, repr=False
    )
    _ablations: dict[tuple[str, ...], CellAblation] = field(default_factory=dict, repr=False)

    @cached_property
    def exports(self) -> ResultsFolder:
        """Where files go: what a ranking file gives is never taken for the cell's own.

        Raises:
            InvalidInput: the ranking file cannot be read.
        """
        if self.ranking_file is None:
            return self.results
        digest = hashlib.sha256(self._ranking_text.encode()).hexdigest()
        return replace(self.results, ranking=told_apart(self.ranking_file.stem, digest))

    def detect(self, cell: Cell) -> dict[str, Any]:
        """The detection document of ``cell``, stored or computed now, and exported.

        Raises:
            InvalidInput: the method found no head.
            ResultsError: it cannot be stored.
        """
        path = self.results.detection(cell, self.plan)
        return _exported(path, detection_document(cell, self._detection(cell)))

    def pooled_ranking(self, cells: Sequence[Cell]) -> HeadRanking:
        """The heads by their scores averaged over ``cells``, which are of one model.

        Raises:
            InvalidInput: a ranking file that cannot be used.
            ComputationError, ResultsError: as ``detect``.
        """
        self.rank(cells)
        return HeadRanking.mean([self._ranking(cell)[0] for cell in cells])

    def rank(self, cells: Sequence[Cell]) -> None:
        """Ranks the heads of ``cells``, but leaves to other processes what they are at.

        Raises:
            ComputationError, ResultsError: as ``detect``.
        """
        for cell in cells:
            self._is_ranked(cell)

    def ablate(self, cell: Cell) -> dict[str, Any]:
        """The ablation document of ``cell``, stored or computed now; so is the ranking it needs.

        Raises:
            InvalidInput: impossible levels, or a ranking file that cannot be used.
            ComputationError: the model's logits are NaN.
            ResultsError: it cannot be stored.
        """
        check_plan(self.plan, cell.model.grid)
        ranking, source = self._ranking(cell)
        todo = conditions(self.plan, ranking)
        found = self._run(cell, [condition.heads for condition in todo])
        document = ablation_document(cell, todo, found, self.plan, self._ablation(cell), source)
        return _exported(self.exports.ablation(cell, self.plan), document)

    def controls(self, cell: Cell) -> list[dict[str, Any]]:
        """The documents of the plan's further draws of control heads, stored or computed now.

        Raises:
            InvalidInput, ComputationError, ResultsError: as ``ablate``.
        """
        check_plan(self.plan, cell.model.grid)
        ranking, _ = self._ranking(cell)
        by_draw = self._controls(cell, ranking)
        # Of all draws at once: whatever another process is at, there may be something left to do.
        found = iter(self._run(cell, [heads for sets in by_draw for heads in sets]))
        documents = []
        for draw, sets in zip(self.plan.further_draws(), by_draw, strict=True):
            outcomes = [next(found) for _ in sets]
            document = control_document(
                cell, ranking, self.plan, draw, self._ablation(cell), outcomes
            )
            documents.append(_exported(self.exports.control(cell, self.plan, draw), document))
        return documents

    def noise(self, cell: Cell) -> dict[str, Any]:
        """The run-to-run noise of the model's answers, measured on ``cell`` or stored."""
        (unablated,) = self._run(cell, [UNABLATED])
        measure = partial(measure_noise, cell, unablated.items)
        document = self.store.once(noise_unit(cell), measure)
        return dict(document.result)

    def share(self, cells: Sequence[Cell], *, noise: bool = True) -> None:
        """Computes what ``cells`` lack, but leaves to other processes what they are at.

        Whoever needs all of it calls this first, so that nobody waits while there is work: the
        rankings, the answers under every condition and, with ``noise``, that of the first cell.

        Raises:
            InvalidInput, ComputationError, ResultsError: as ``ablate``.
        """
        for cell in cells:
            check_plan(self.plan, cell.model.grid)
        for cell in cells if self.ranking_file is None else ():
            self.store.announce(scores_units(cell, self.plan.method))
        ranked = [(cell, self._ranking(cell)[0]) for cell in cells if self._is_ranked(cell)]
        self.store.announce(
            unit
            for cell, ranking in ranked
            for heads in self._head_sets(cell, ranking)
            for unit in answer_units(cell, heads, self._ablation(cell))
        )
        for cell, ranking in ranked:
            self._take(cell, [condition.heads for condition in conditions(self.plan, ranking)])
        for cell, ranking in ranked:
            self._take(cell, [heads for sets in self._controls(cell, ranking) for heads in sets])
        if not noise:
            return
        first = cells[0]
        (unablated,) = self._take(first, [UNABLATED])
        if unablated is not None:
            measure = partial(measure_noise, first, unablated.items)
            self.store.once(noise_unit(first), measure, wait=False)

    def _head_sets(self, cell: Cell, ranking: HeadRanking) -> Iterator[Heads]:
        """All that the plan has ablated in a cell with this ranking."""
        yield from (condition.heads for condition in conditions(self.plan, ranking))
        for sets in self._controls(cell, ranking):
            yield from sets

    def _controls(self, cell: Cell, ranking: HeadRanking) -> list[list[Heads]]:
        """The sets of every further draw."""
        return [
            list(control_sets(cell, ranking, self.plan, draw).values())
            for draw in self.plan.further_draws()
        ]

    def _run(self, cell: Cell, head_sets: Sequence[Heads]) -> list[Outcomes]:
        return run_conditions(cell, head_sets, self._ablation(cell), self.store)

    def _take(self, cell: Cell, head_sets: Sequence[Heads]) -> list[Outcomes | None]:
        return run_conditions(cell, head_sets, self._ablation(cell), self.store, wait=False)

    def _detection(self, cell: Cell) -> Detection:
        (found,) = detected(cell, [self.plan.method], self.store)
        return found

    def _is_ranked(self, cell: Cell) -> bool:
        """Whether the cell's ranking need not be waited for; computes it if it is missing."""
        if self.ranking_file is not None:
            return True
        return detected(cell, [self.plan.method], self.store, wait=False) is not None

    def _ablation(self, cell: Cell) -> CellAblation:
        key = self._key(cell)
        if key not in self._ablations:
            self._ablations[key] = self.plan.ablation.of(cell)
        return self._ablations[key]

    @staticmethod
    def _key(cell: Cell) -> tuple[str, ...]:
        return cell.model.fingerprint, prompts_sha256(cell.detection), prompts_sha256(cell.test)

    def _ranking(self, cell: Cell) -> tuple[HeadRanking, str]:
        key = self._key(cell)
        if key not in self._rankings:
            self._rankings[key] = self._read_ranking(cell)
        return self._rankings[key]

    def _read_ranking(self, cell: Cell) -> tuple[HeadRanking, str]:
        if self.ranking_file is None:
            path = self.results.detection(cell, self.plan)
            source = path.relative_to(self.results.root).as_posix()
            self.detect(cell)
            return self._detection(cell).ranking, source
        try:
            entries = read_entries(self._ranking_text)
            return HeadRanking.from_entries(entries, cell.model.grid), str(self.ranking_file)
        except InvalidInput as error:
            raise InvalidInput(f"ranking file {self.ranking_file}: {error}") from None

    @cached_property
    def _ranking_text(self) -> str:
        """The ranking file as it is now: what the results are called after is what they are of."""
        assert self.ranking_file is not None
        try:
            return read_text(self.ranking_file)
        except ResultsError as error:
            raise InvalidInput(f"ranking file {self.ranking_file}: {error}") from None


def _exported(path: Path, document: dict[str, Any]) -> dict[str, Any]:
    with storing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, document)
    return document
