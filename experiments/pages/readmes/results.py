"""The results that pictures and blocks are made from, taken out of a store and reduced.

What the store lacks is computed. After the claims of ``qrhead`` and ``methods`` were judged, the
curves need nothing more; the other two need the levels and the cell that no claim is about.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ablation.detection import QRHEAD, SUMMED_ATTENTION, WU24
from ablation.filings.filing import QUESTIONS
from ablation.filings.synthetic import DEFAULT_COUNT, synthetic_filings
from ablation.models.registry import EMBEDDED_MODEL, model_spec
from experiments.cells.choices import AblationChoice
from experiments.cells.names import RANDOM, TOP
from experiments.claims import LEVELS
from experiments.pages.readmes.pictures import CURVES
from experiments.pages.readmes.pictures import METHODS as METHODS_DOCUMENT
from experiments.pages.readmes.tables.methods import OTHER_CELL

if TYPE_CHECKING:
    from experiments.cells.cell import Cell
    from experiments.store import Store

COMPARED = (QRHEAD, WU24, SUMMED_ATTENTION)
"""The methods of claim A7."""

OTHER_QUESTION = "employee_count"
"""Its answers take several tokens."""

_CELL = (
    "model_key", "model_name", "question", "total_tokens", "test_samples", "ablation_levels",
    "ablation",
)  # fmt: skip
_COUNTS = ("num_heads", "accuracy", "correct", "total", "heads_in_other_layers")

Maker = Callable[["Sequence[Cell]", "Store"], dict[str, Any]]


def cells() -> "list[Cell]":
    """The embedded model's cells, one a question.

    Raises:
        AssetError: the model cannot be had.
    """
    from ablation.models.model import open_model
    from experiments.cells.cell import build_cell

    spec, filings = model_spec(EMBEDDED_MODEL), synthetic_filings(DEFAULT_COUNT)
    model = open_model(spec)
    return [build_cell(model, filings, question, spec.token_lengths[0]) for question in QUESTIONS]


def curves(cells: "Sequence[Cell]", store: "Store") -> dict[str, Any]:
    """Accuracy against heads ablated in every cell: the study's files without their items."""
    import tempfile
    from pathlib import Path

    from experiments.cells.plan import AblationPlan
    from experiments.cells.runner import CellRunner, ResultsFolder
    from experiments.machine.provenance import merged

    found, provenances = [], []
    # The runner exports whole result files, which nobody wants here.
    with tempfile.TemporaryDirectory() as folder:
        runner = CellRunner(store, ResultsFolder(Path(folder)), AblationPlan(LEVELS))
        for cell in cells:
            ablation, controls = runner.ablate(cell), runner.controls(cell)
            found.append(reduced(ablation, controls))
            provenances += [one["provenance"] for one in (ablation, *controls)]
    return {"cells": found, "provenance": merged(provenances)}


def reduced(ablation: Mapping[str, Any], controls: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """A cell's result documents with the counts of each condition only."""
    return {
        "ablation": {
            **{key: ablation[key] for key in _CELL},
            "baseline": _counts(ablation["baseline"]),
            **{key: [_counts(row) for row in ablation[key]] for key in (TOP, RANDOM)},
        },
        "controls": [
            {"control": one["control"], "ablations": [_counts(row) for row in one["ablations"]]}
            for one in controls
        ],
    }


def methods(cells: "Sequence[Cell]", store: "Store") -> dict[str, Any]:
    """What ``headclaims compare methods`` finds with the methods of claim A7."""
    from experiments.methods.comparison import compare_methods, rank_cells
    from experiments.methods.documents import methods_document

    ablation = AblationChoice()
    ranked = rank_cells(cells, COMPARED, store)
    found = compare_methods(cells, ranked, LEVELS, ablation, store)
    return methods_document(cells, ranked, found, LEVELS, ablation)


def modes(cells: "Sequence[Cell]", store: "Store") -> dict[str, Any]:
    """What ``headclaims compare modes`` finds in the cell whose answers take several tokens."""
    import tempfile
    from pathlib import Path

    from experiments.cells.plan import AblationPlan
    from experiments.cells.runner import CellRunner, ResultsFolder
    from experiments.methods.documents import modes_document
    from experiments.methods.mode_runs import compare_modes

    (cell,) = (cell for cell in cells if cell.question == OTHER_QUESTION)
    with tempfile.TemporaryDirectory() as folder:
        ranking = CellRunner(
            store, ResultsFolder(Path(folder)), AblationPlan(LEVELS)
        ).pooled_ranking([cell])
    (found,) = compare_modes([(cell, ranking)], LEVELS[-1], store)
    return modes_document(cell, found, LEVELS[-1], QRHEAD)


MAKERS: Mapping[str, tuple[str, Maker]] = {
    "curves": (CURVES, curves),
    "methods": (METHODS_DOCUMENT, methods),
    "modes": (OTHER_CELL, modes),
}
"""Name -> where the document lies, and what makes it."""


def _counts(row: Mapping[str, Any]) -> dict[str, Any]:
    return {key: row[key] for key in _COUNTS if key in row}
