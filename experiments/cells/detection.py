"""Detects the QRHeads of a cell and writes them down in the study's format."""

import hashlib
import time
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, overload

from tqdm import tqdm

from ablation.controls import EXCLUDED_TOP
from ablation.detection.ranking import HeadRanking, no_head_found
from ablation.errors import InvalidInput
from ablation.prompts.prompt import NULL_QUESTION
from experiments.cells.cell import Cell, prompts_sha256
from experiments.machine.memory_errors import memory_errors
from experiments.machine.provenance import provenance
from experiments.store import Computed, Document, Store, WorkUnit

KIND = "ranking"
VERSION = 2
"""Raised whenever a change of a method changes scores."""

NEEDLE_POSITION = 0.5


@overload
def detected(cell: Cell, methods: Sequence[str], store: Store) -> list[Document]: ...


@overload
def detected(
    cell: Cell, methods: Sequence[str], store: Store, *, wait: bool
) -> list[Document | None]: ...


def detected(
    cell: Cell, methods: Sequence[str], store: Store, *, wait: bool = True
) -> Sequence[Document | None]:
    """The rankings of the heads of ``cell`` by each of ``methods``, stored or computed now.

    What is computed now shares the passes over the detection prompts.

    Args:
        cell: model and prompts.
        methods: of ``ablation.detection.METHODS``.
        store: where rankings are kept.
        wait: for other processes; otherwise what they are at is None.

    Raises:
        InvalidInput, ComputationError: as ``rank_heads_by_methods``.
        ResultsError: a ranking cannot be stored.
    """
    units = [detection_unit(cell, method) for method in methods]
    return store.all(units, partial(_compute, cell), at_once=len(units), wait=wait)


def _compute(cell: Cell, units: Sequence[WorkUnit]) -> Iterator[tuple[WorkUnit, Computed]]:
    # Not above: rankings that are stored are read without torch.
    from ablation.detection.methods import rank_heads_by_methods

    loaded = cell.model.loaded
    started, methods = time.perf_counter(), [unit.key["method"] for unit in units]
    described = f"{' '.join(methods)} {cell.question} {cell.tokens}"
    with (
        memory_errors(),
        tqdm(cell.detection, desc=described, unit="filing", delay=1, disable=None) as items,
    ):
        prompts = (prompt for _, prompt in items)
        found = rank_heads_by_methods(loaded.model, loaded.tokenizer, prompts, methods)
    seconds = (time.perf_counter() - started) / len(units)
    for unit, method in zip(units, methods, strict=True):
        result = {
            "method": method,
            **cell.header(),
            "samples_processed": found[method].samples,
            "head_rankings": found[method].ranking.to_json(),
        }
        yield unit, (result, provenance(cell.model, seconds))


def detection_unit(cell: Cell, method: str) -> WorkUnit:
    """The ranking of the heads of ``cell``; some methods look at what the needle states."""
    spans = [(prompt.fact, prompt.sentence) for _, prompt in cell.detection]
    return WorkUnit(
        KIND,
        {
            **cell.model.key(),
            "method": method,
            "version": VERSION,
            "prompts_sha256": prompts_sha256(cell.detection),
            "spans_sha256": hashlib.sha256(repr(spans).encode()).hexdigest(),
        },
        f"heads by {method} for {cell.question} at {cell.tokens} tokens",
    )


def detection_document(cell: Cell, ranked: Document) -> dict[str, Any]:
    """The document of the cell's detection file; ``read_ranking`` takes the ranking out of it."""
    found = read_ranking(ranked.result, cell).found
    return {
        "method": ranked.result["method"],
        **cell.header(),
        "samples_processed": ranked.result["samples_processed"],
        "null_query": NULL_QUESTION,
        "needle_position": NEEDLE_POSITION,
        "timestamp": ranked.provenance["time"],
        "top_50_heads": [str(head) for head in found[:EXCLUDED_TOP]],
        "head_rankings": ranked.result["head_rankings"],
        "inputs": cell.inputs(),
        "samples": [filing.name for filing, _ in cell.detection],
        "provenance": dict(ranked.provenance),
    }


def read_ranking(document: Any, cell: Cell) -> HeadRanking:
    """The ranking in a detection document, for the cell's model.

    Raises:
        InvalidInput: no head was found.
    """
    ranking = HeadRanking.from_json(document, cell.model.grid)
    if not ranking.found:
        raise InvalidInput(no_head_found(document["method"], document["samples_processed"]))
    return ranking
