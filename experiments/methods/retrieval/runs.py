"""Every test filing's retrieval task by selected heads: a unit of the store for each cell."""

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from tqdm import tqdm

from ablation.filings.filing import question_by_key
from ablation.heads import Head
from experiments.cells.cell import Cell
from experiments.machine.memory_errors import memory_errors
from experiments.machine.provenance import provenance
from experiments.methods.retrieval.passages import Passages, passages
from experiments.store import Computed, Store, WorkUnit

KIND = "retrieval"
VERSION = 1

Selections = Mapping[str, Sequence[Head]]
"""Name -> the heads that are listened to."""


def gold_ranks(cells: Sequence[Cell], selections: Selections, store: Store) -> list[dict[str, Any]]:
    """The rank of the gold paragraph of every test filing by each selection, counted from 1.

    What other processes are at is left to them until there is nothing else to do.

    Returns:
        For each cell,
        ``{"items": [{"filing", "company", "paragraphs"}, …], "ranks": {name: [rank, …]}}``.

    Raises:
        InvalidInput: the paragraphs do not fit into the model's context.
        ComputationError: the model's attention is NaN.
        ResultsError: the result cannot be stored.
    """
    jobs = [
        (retrieval_unit(cell, selections), partial(_compute, cell, selections)) for cell in cells
    ]
    for job in jobs:
        store.once(*job, wait=False)
    return [dict(store.once(*job).result) for job in jobs]


def retrieval_unit(cell: Cell, selections: Selections) -> WorkUnit:
    """The ranks of a cell by ``selections``."""
    return WorkUnit(
        KIND,
        {
            **cell.model.key(),
            "version": VERSION,
            "question": cell.question,
            "chat": cell.model.spec.style.chat,
            "tasks_sha256": _sha256(
                [[task.paragraphs, task.gold] for task in retrieval_tasks(cell)]
            ),
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


def _compute(cell: Cell, selections: Selections) -> Computed:
    # Not above: ranks that are stored are judged without torch.
    from ablation.detection.retrieval import paragraph_attention, paragraph_scores, retrieval_prompt
    from ablation.metrics.retrieval import rank_of

    started, tasks = time.perf_counter(), retrieval_tasks(cell)
    loaded, query = cell.model.loaded, question_by_key(cell.question).text
    ranks: dict[str, list[int]] = {name: [] for name in selections}
    described = f"retrieve {cell.question}"
    with memory_errors(), tqdm(tasks, desc=described, unit="query", delay=1, disable=None) as bar:
        for task in bar:
            prompt = retrieval_prompt(
                loaded.tokenizer, query, task.paragraphs, chat=loaded.spec.style.chat
            )
            attention = paragraph_attention(loaded.model, prompt)
            scores = paragraph_scores(attention, list(selections.values())).tolist()
            for name, by_paragraph in zip(selections, scores, strict=True):
                ranks[name].append(rank_of(by_paragraph, task.gold))
    items = [
        {"filing": task.filing, "company": task.company, "paragraphs": len(task.paragraphs)}
        for task in tasks
    ]
    return {"items": items, "ranks": ranks}, provenance(cell.model, time.perf_counter() - started)


def _sha256(value: object) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()
