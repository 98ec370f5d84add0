"""The test filings' retrieval tasks by selected heads: a unit of the store for each task."""

import hashlib
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ablation.filings.filing import question_by_key
from ablation.heads import Head
from experiments.cells.cell import Cell
from experiments.machine.memory_errors import memory_errors
from experiments.machine.provenance import provenance
from experiments.methods.retrieval.passages import Passages, passages
from experiments.store import Computed, Store, WorkUnit

KIND = "retrieval"
VERSION = 1

AT_ONCE = 4
"""Tasks that one process claims together."""

Selections = Mapping[str, Sequence[Head]]
"""Name -> the heads that are listened to."""


def gold_ranks(cells: Sequence[Cell], selections: Selections, store: Store) -> list[dict[str, Any]]:
    """The rank of the gold paragraph of every test filing by each selection, counted from 1.

    Returns:
        For each cell,
        ``{"items": [{"filing", "company", "paragraphs"}, …], "ranks": {name: [rank, …]}}``.

    Raises:
        InvalidInput: the paragraphs do not fit into the model's context.
        ComputationError: the model's attention is NaN.
        ResultsError: the result cannot be stored.
    """
    tasks = [(cell, task) for cell in cells for task in retrieval_tasks(cell)]
    units = [retrieval_unit(cell, task, selections) for cell, task in tasks]
    of_unit = dict(zip((unit.digest for unit in units), tasks, strict=True))
    found = iter(store.all(units, RanksOf(of_unit, selections), at_once=AT_ONCE))
    ranked = [[next(found).result for _ in cell.test] for cell in cells]
    return [
        {
            "items": [result["item"] for result in of_cell],
            "ranks": {name: [result["ranks"][name] for result in of_cell] for name in selections},
        }
        for of_cell in ranked
    ]


@dataclass(frozen=True)
class RanksOf:
    """Ranks the gold paragraphs of tasks.

    Attributes:
        tasks: digest of a unit -> the cell and its task.
        selections: the heads that are listened to.
    """

    tasks: Mapping[str, tuple[Cell, Passages]]
    selections: Selections

    def __call__(self, units: Sequence[WorkUnit]) -> Iterator[tuple[WorkUnit, Computed]]:
        """Raises ComputationError, as ``gold_ranks``."""
        for unit in units:
            yield unit, _ranked(*self.tasks[unit.digest], self.selections)


def retrieval_unit(cell: Cell, task: Passages, selections: Selections) -> WorkUnit:
    """The ranks in a task of ``cell`` by ``selections``."""
    return WorkUnit(
        KIND,
        {
            **cell.model.key(),
            "version": VERSION,
            "question": cell.question,
            "chat": cell.model.spec.style.chat,
            "task_sha256": _sha256([task.filing, task.paragraphs, task.gold]),
            "selections_sha256": _sha256(
                {name: [str(head) for head in sorted(heads)] for name, heads in selections.items()}
            ),
        },
        f"retrieval for {cell.question}",
    )


def retrieval_tasks(cell: Cell) -> list[Passages]:
    """The tasks of the test filings; all their sentences are of the test split."""
    filings = [filing for filing, _ in cell.test]
    return [passages(filing, filings, cell.question) for filing in filings]


def _ranked(cell: Cell, task: Passages, selections: Selections) -> Computed:
    # Not above: ranks that are stored are judged without torch.
    from ablation.detection.retrieval import paragraph_attention, paragraph_scores, retrieval_prompt
    from ablation.metrics.retrieval import rank_of

    loaded, query = cell.model.loaded, question_by_key(cell.question).text
    started = time.perf_counter()
    with memory_errors():
        prompt = retrieval_prompt(
            loaded.tokenizer, query, task.paragraphs, chat=loaded.spec.style.chat
        )
        attention = paragraph_attention(loaded.model, prompt)
        scores = paragraph_scores(attention, list(selections.values())).tolist()
    result = {
        "item": {
            "filing": task.filing,
            "company": task.company,
            "paragraphs": len(task.paragraphs),
        },
        "ranks": {
            name: rank_of(by_paragraph, task.gold)
            for name, by_paragraph in zip(selections, scores, strict=True)
        },
    }
    return result, provenance(cell.model, time.perf_counter() - started)


def _sha256(value: object) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()
