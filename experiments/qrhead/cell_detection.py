"""Detects the QRHeads of a cell and writes them down in the study's format."""

from typing import Any

from tqdm import tqdm

from ablation.controls import EXCLUDED_TOP
from ablation.detection.qrhead import rank_heads
from ablation.detection.ranking import HeadRanking
from ablation.prompts import NULL_QUESTION
from experiments.provenance import identity, provenance, timestamp
from experiments.qrhead.cells import Cell, prompts_sha256

METHOD = "qrhead"
NEEDLE_POSITION = 0.5


def detect(cell: Cell) -> dict[str, Any]:
    """Ranks the heads over the detection split; the document of the cell's detection file.

    ``read_ranking`` takes the ranking out of it again.
    """
    described = f"detect {cell.question} {cell.tokens}"
    with tqdm(cell.detection, desc=described, unit="filing", delay=1, disable=None) as items:
        ranking = rank_heads(cell.loaded.model, (prompt for _, prompt in items))
    top = min(EXCLUDED_TOP, len(ranking.entries))
    return {
        "method": METHOD,
        **cell.header(),
        "samples_processed": len(cell.detection),
        "null_query": NULL_QUESTION,
        "needle_position": NEEDLE_POSITION,
        "timestamp": timestamp(),
        "top_50_heads": [str(head) for head in ranking.top(top)],
        "head_rankings": ranking.to_json(),
        "inputs": cell.inputs(),
        "samples": [filing.name for filing, _ in cell.detection],
        "provenance": provenance(cell.loaded),
    }


def detection_identity(cell: Cell) -> dict[str, Any]:
    """What must be equal for a stored ranking to be this cell's."""
    return {
        **identity(cell.loaded),
        "method": METHOD,
        "prompts_sha256": prompts_sha256(cell.detection),
    }


def read_ranking(document: Any, cell: Cell) -> HeadRanking:
    """The ranking in a detection document, for the cell's model."""
    return HeadRanking.from_json(document, cell.loaded.grid)
