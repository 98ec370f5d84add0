"""Detects the QRHeads of a cell and writes them down in the study's format."""

import time
from collections.abc import Sequence
from typing import Any

from tqdm import tqdm

from ablation.controls import EXCLUDED_TOP
from ablation.detection.qrhead import rank_heads
from ablation.detection.ranking import HeadRanking
from ablation.prompts import NULL_QUESTION
from experiments.memory_errors import memory_errors
from experiments.provenance import model_key, provenance
from experiments.qrhead.cells import Cell, prompts_sha256
from experiments.store import Computed, Document, Unit

KIND = "ranking"
METHOD = "qrhead"
NEEDLE_POSITION = 0.5


def detect(cell: Cell) -> Computed:
    """Ranks the heads over the detection split."""
    started = time.perf_counter()
    described = f"detect {cell.question} {cell.tokens}"
    with (
        memory_errors(),
        tqdm(cell.detection, desc=described, unit="filing", delay=1, disable=None) as items,
    ):
        ranking = rank_heads(cell.loaded.model, (prompt for _, prompt in items))
    result = {**cell.header(), "head_rankings": ranking.to_json()}
    return result, provenance(cell.loaded, time.perf_counter() - started)


def detection_unit(cell: Cell) -> Unit:
    """The ranking of the heads of ``cell``."""
    return Unit(
        KIND,
        {
            **model_key(cell.loaded),
            "method": METHOD,
            "prompts_sha256": prompts_sha256(cell.detection),
        },
    )


def detection_document(cell: Cell, ranked: Document) -> dict[str, Any]:
    """The document of the cell's detection file; ``read_ranking`` takes the ranking out of it."""
    rankings: Sequence[Any] = ranked.result["head_rankings"]
    ranking = read_ranking({"head_rankings": rankings}, cell)
    top = min(EXCLUDED_TOP, len(ranking.entries))
    return {
        "method": METHOD,
        **cell.header(),
        "samples_processed": len(cell.detection),
        "null_query": NULL_QUESTION,
        "needle_position": NEEDLE_POSITION,
        "timestamp": ranked.provenance["time"],
        "top_50_heads": [str(head) for head in ranking.top(top)],
        "head_rankings": rankings,
        "inputs": cell.inputs(),
        "samples": [filing.name for filing, _ in cell.detection],
        "provenance": dict(ranked.provenance),
    }


def read_ranking(document: Any, cell: Cell) -> HeadRanking:
    """The ranking in a detection document, for the cell's model."""
    return HeadRanking.from_json(document, cell.loaded.grid)
