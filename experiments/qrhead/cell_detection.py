"""Detects the QRHeads of a cell and writes them down in the study's format."""

import hashlib
import time
from collections.abc import Sequence
from typing import Any

from tqdm import tqdm

from ablation.controls import EXCLUDED_TOP
from ablation.detection.methods import rank_heads
from ablation.detection.ranking import HeadRanking
from ablation.prompts import NULL_QUESTION
from experiments.memory_errors import memory_errors
from experiments.provenance import model_key, provenance
from experiments.qrhead.cells import Cell, prompts_sha256
from experiments.store import Computed, Document, Unit

KIND = "ranking"
VERSION = 2
"""Raised whenever a change of a method changes scores."""

NEEDLE_POSITION = 0.5


def detect(cell: Cell, method: str) -> Computed:
    """Ranks the heads over the detection split.

    Raises:
        InvalidInput, ComputationError: as ``rank_heads``.
    """
    started = time.perf_counter()
    described = f"{method} {cell.question} {cell.tokens}"
    with (
        memory_errors(),
        tqdm(cell.detection, desc=described, unit="filing", delay=1, disable=None) as items,
    ):
        prompts = (prompt for _, prompt in items)
        found = rank_heads(cell.loaded.model, cell.loaded.tokenizer, prompts, method)
    result = {
        "method": method,
        **cell.header(),
        "samples_processed": found.samples,
        "head_rankings": found.ranking.to_json(),
    }
    return result, provenance(cell.loaded, time.perf_counter() - started)


def detection_unit(cell: Cell, method: str) -> Unit:
    """The ranking of the heads of ``cell``; some methods look at what the needle states."""
    spans = [(prompt.fact, prompt.sentence) for _, prompt in cell.detection]
    return Unit(
        KIND,
        {
            **model_key(cell.loaded),
            "method": method,
            "version": VERSION,
            "prompts_sha256": prompts_sha256(cell.detection),
            "spans_sha256": hashlib.sha256(repr(spans).encode()).hexdigest(),
        },
    )


def detection_document(cell: Cell, ranked: Document) -> dict[str, Any]:
    """The document of the cell's detection file; ``read_ranking`` takes the ranking out of it."""
    rankings: Sequence[Any] = ranked.result["head_rankings"]
    found = read_ranking({"head_rankings": rankings}, cell).found
    return {
        "method": ranked.result["method"],
        **cell.header(),
        "samples_processed": ranked.result["samples_processed"],
        "null_query": NULL_QUESTION,
        "needle_position": NEEDLE_POSITION,
        "timestamp": ranked.provenance["time"],
        "top_50_heads": [str(head) for head in found[:EXCLUDED_TOP]],
        "head_rankings": rankings,
        "inputs": cell.inputs(),
        "samples": [filing.name for filing, _ in cell.detection],
        "provenance": dict(ranked.provenance),
    }


def read_ranking(document: Any, cell: Cell) -> HeadRanking:
    """The ranking in a detection document, for the cell's model."""
    return HeadRanking.from_json(document, cell.loaded.grid)
