"""Scores the heads of a cell on its detection prompts, and ranks them by their mean scores.

The scores of one method on one prompt are a unit of the store: who stops a run loses seconds of it,
and who adds a filing has it scored, in the company of a few others.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, overload

from ablation.detection import GRADIENT, QRHEAD, QRHEAD_CHAT, RANDOM, SUMMED_ATTENTION, WU24
from ablation.detection.controls import EXCLUDED_TOP
from ablation.detection.ranking import HeadRanking, no_head_found, random_ranking
from ablation.errors import InvalidInput
from ablation.heads import HeadGrid
from ablation.prompts.prompt import NULL_QUESTION, Prompt
from experiments.cells.cell import Cell
from experiments.machine.memory_errors import memory_errors
from experiments.machine.provenance import merged, provenance
from experiments.store import Computed, Document, Store, WorkUnit

KIND = "scores"
VERSIONS = {QRHEAD: 3, QRHEAD_CHAT: 3, WU24: 3, SUMMED_ATTENTION: 3, GRADIENT: 3}
"""Raised whenever a change of a method changes its scores."""

COMPANY = 8
"""Prompts that one process claims and reads together; scores are stored once they are found. Which
ones is fixed: the last digits of a score depend on what shares the pass. (So they do on the memory
that there is for it, where that cuts a company into several passes.)"""

NEEDLE_POSITION = 0.5

DIGITS = 9
"""Significant digits that tell any two numbers of fp32 apart."""


@dataclass(frozen=True)
class Detection:
    """What a method found in a cell.

    Attributes:
        method: one of ``ablation.detection.METHODS``.
        grid: the heads of the model.
        scores: the stored scores on each prompt, in their order; none for ``random``.
    """

    method: str
    grid: HeadGrid
    scores: Sequence[Document]

    @cached_property
    def samples(self) -> int:
        """How many prompts said something."""
        return sum(one.result["scores"] is not None for one in self.scores)

    @cached_property
    def whole_ranking(self) -> HeadRanking:
        """All heads by their mean score; all 0 where no prompt said anything."""
        if self.method == RANDOM:
            return random_ranking(self.grid)
        found = [one.result["scores"] for one in self.scores]
        return HeadRanking.of_prompts(self.grid, [one for one in found if one is not None])

    @property
    def ranking(self) -> HeadRanking:
        """The ranking.

        Raises:
            InvalidInput: no head was found.
        """
        if not self.whole_ranking.found:
            raise InvalidInput(no_head_found(self.method, self.samples))
        return self.whole_ranking

    @property
    def provenance(self) -> dict[str, Any]:
        """How the scores came about."""
        return merged(one.provenance for one in self.scores)


@overload
def detected(cell: Cell, methods: Sequence[str], store: Store) -> list[Detection]: ...


@overload
def detected(
    cell: Cell, methods: Sequence[str], store: Store, *, wait: bool
) -> list[Detection] | None: ...


def detected(
    cell: Cell, methods: Sequence[str], store: Store, *, wait: bool = True
) -> list[Detection] | None:
    """What each of ``methods`` finds in ``cell``, from scores that are stored or computed now.

    What is computed now shares the passes over the detection prompts.

    Args:
        cell: model and prompts.
        methods: of ``ablation.detection.METHODS``.
        store: where scores are kept.
        wait: for other processes; otherwise None where some are at it.

    Raises:
        InvalidInput: there is no detection prompt, or as ``scores_of_prompts``.
        ComputationError: a score is NaN.
        ResultsError: scores cannot be stored.
    """
    units = {method: scores_units(cell, method) for method in methods}
    companies = [
        [of[place] for place in company for of in units.values() if of]
        for company in _companies(cell)
    ]
    found: list[Document | None] = []
    compute = ScoresOf(cell)
    store.announce(unit for wanted in companies for unit in wanted)
    # Nobody waits for a company while there is another one that nobody is at.
    for waits in (False, True) if wait else (False,):
        found = [
            one
            for wanted in companies
            for one in store.all(wanted, compute, at_once=len(wanted), wait=waits)
        ]
    by_digest = {one.unit.digest: one for one in found if one is not None}
    if None in found:
        return None
    return [
        Detection(method, cell.model.grid, [by_digest[unit.digest] for unit in of])
        for method, of in units.items()
    ]


@dataclass(frozen=True)
class ScoresOf:
    """Scores the heads on detection prompts of a cell; by which methods, the units say.

    Attributes:
        cell: model and prompts.
    """

    cell: Cell
    in_company: ClassVar[bool] = True

    def __call__(self, units: Sequence[WorkUnit]) -> Iterator[tuple[WorkUnit, Computed]]:
        """Raises InvalidInput and ComputationError, as ``detected``."""
        # Not above: scores that are stored are read without torch.
        from ablation.detection.methods import scores_of_prompts

        loaded, grid = self.cell.model.loaded, self.cell.model.grid
        with memory_errors():
            for company, wanted in self._by_company(units):
                started = time.perf_counter()
                for place, found in scores_of_prompts(
                    loaded.model,
                    loaded.tokenizer,
                    [self.cell.detection[place][1] for place in company],
                    [[unit.key["method"] for unit in of] for of in wanted],
                    activation_bytes=loaded.engine.activation_bytes,
                ):
                    seconds = (time.perf_counter() - started) / len(wanted[place])
                    for unit in wanted[place]:
                        scores = found[unit.key["method"]]
                        own = None if scores is None else _rounded(grid.own(scores.tolist()))
                        result = {"scores": own}
                        yield unit, (result, provenance(self.cell.model, seconds))
                    started = time.perf_counter()

    def _by_company(
        self, units: Sequence[WorkUnit]
    ) -> Iterator[tuple[Sequence[int], list[list[WorkUnit]]]]:
        """The companies with some of ``units``, and the units of each of their prompts."""
        wanted = {unit.digest: unit for unit in units}
        methods = {unit.key["method"] for unit in units}
        by_method = [scores_units(self.cell, method) for method in sorted(methods)]
        for company in _companies(self.cell):
            # Prompts that are alike have the same units, which are wanted once.
            of_company = [
                [wanted.pop(of[place].digest) for of in by_method if of[place].digest in wanted]
                for place in company
            ]
            if any(of_company):
                yield company, of_company


def _companies(cell: Cell) -> Sequence[Sequence[int]]:
    """The places of the detection prompts that are read together: those that begin alike."""
    order = sorted(range(len(cell.detection)), key=lambda place: cell.detection[place][1].ids)
    return [order[first : first + COMPANY] for first in range(0, len(order), COMPANY)]


def _rounded(scores: list[list[float]]) -> list[list[float]]:
    return [[float(f"{score:.{DIGITS}g}") for score in layer] for layer in scores]


def scores_units(cell: Cell, method: str) -> list[WorkUnit]:
    """The scores by ``method`` on each detection prompt; none for one that looks at no prompt."""
    if method == RANDOM:
        return []
    of = {**cell.model.key(), "method": method, "version": VERSIONS[method]}
    label = f"heads by {method} for {cell.question} at {cell.tokens} tokens"
    return [
        WorkUnit(KIND, {**of, "prompt_sha256": prompt.sha256, **_seen(prompt, method)}, label)
        for _, prompt in cell.detection
    ]


def _seen(prompt: Prompt, method: str) -> dict[str, Any]:
    """What a method sees of a prompt beside its ids and its needle."""
    if method == QRHEAD_CHAT:
        return {"closing": prompt.closing}
    if method == WU24:
        return {"fact": [*prompt.fact]}
    if method == GRADIENT:
        return {"answer": [*prompt.answer]}
    return {}


def detection_document(cell: Cell, found: Detection) -> dict[str, Any]:
    """The document of the cell's detection file.

    Raises:
        InvalidInput: no head was found.
    """
    how = found.provenance
    return {
        "method": found.method,
        **cell.header(),
        "samples_processed": found.samples,
        "null_query": NULL_QUESTION,
        "needle_position": NEEDLE_POSITION,
        "timestamp": how.get("time"),
        "top_50_heads": [str(head) for head in found.ranking.found[:EXCLUDED_TOP]],
        "head_rankings": found.ranking.to_json(),
        "inputs": cell.inputs(),
        "samples": [filing.name for filing, _ in cell.detection],
        "provenance": how,
    }
