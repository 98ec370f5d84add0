"""What a cell must be for its figures to mean anything, and the stored figures themselves."""

import json
import random

import pytest

from ablation.detection.controls import number_excluded
from ablation.heads import Head
from ablation.models.registry import EMBEDDED_MODEL
from experiments.cells.names import RANDOM, TOP, fold_tag
from experiments.judging.baselines.comparison import Tolerance
from experiments.plugin.options import is_default

FLOOR = 0.6
"""Unablated accuracy below which the embedded cells would have little left to lose."""

CELL_KEYS = {"method", "model_key", "model_name", "question", "question_prompt", "total_tokens"}
DETECTION_KEYS = CELL_KEYS | {
    "samples_processed", "null_query", "needle_position", "head_rankings", "top_50_heads",
}  # fmt: skip
ABLATION_KEYS = CELL_KEYS | {
    "test_samples", "ablation_levels", "heads_source", "timestamp", "baseline", TOP, RANDOM,
}  # fmt: skip
ROW_KEYS = {"num_heads", "heads", "heads_str", "accuracy", "accuracy_drop", "correct", "total"}
"""The study's own keys, none of which may be renamed."""


def test_the_unablated_model_answers(cell, ablation_of, pytestconfig):
    if cell.model != EMBEDDED_MODEL or not is_default(pytestconfig):
        pytest.skip("a property of the embedded cells: run without --model and --filings")
    unablated = ablation_of(cell)["baseline"]
    assert unablated["total"] >= 16
    assert unablated["accuracy"] >= FLOOR


def test_detection_and_test_filings_are_disjoint(cell, detection_of, ablation_of):
    detected = set(detection_of(cell)["samples"])
    tested = {item["filing"] for item in ablation_of(cell)["baseline"]["items"]}
    assert detected
    assert not detected & tested


def test_top_heads_are_the_best_of_the_ranking(cell, detection_of, ablation_of):
    best = detection_of(cell)["top_50_heads"]
    for row in ablation_of(cell)[TOP]:
        assert row["heads_str"] == best[: row["num_heads"]]


def test_control_heads_are_disjoint_from_the_top_and_reproducible(
    cell, detection_of, ablation_of, chosen_model
):
    best = [Head.parse(name) for name in detection_of(cell)["top_50_heads"]]
    grid = chosen_model.grid
    for row in ablation_of(cell)[RANDOM]:
        kept_out = set(best[: number_excluded(grid, row["num_heads"])])
        candidates = [head for head in grid if head not in kept_out]
        drawn = random.Random(42).sample(candidates, row["num_heads"])
        assert row["heads"] == [[head.layer, head.head] for head in drawn]


def test_every_condition_counts_every_item(cell, ablation_of):
    document = ablation_of(cell)
    filings = [item["filing"] for item in document["baseline"]["items"]]
    for row in (document["baseline"], *document[TOP], *document[RANDOM]):
        assert [item["filing"] for item in row["items"]] == filings
        assert row["total"] == len(filings) == document["test_samples"]
        assert row["correct"] == sum(item["correct"] for item in row["items"])
        assert row["accuracy"] == row["correct"] / row["total"]


def test_result_files_are_in_the_studys_format(cell, detection_of, ablation_of, run_folder):
    documents = {
        "phase2": (detection_of(cell), DETECTION_KEYS),
        "phase3": (ablation_of(cell), ABLATION_KEYS),
    }
    for phase, (document, keys) in documents.items():
        path = run_folder / phase / "qrhead" / cell.model / cell.question
        name = f"tokens_{cell.tokens}{fold_tag(cell.fold)}.json"
        stored = json.loads((path / name).read_text(encoding="utf-8"))
        assert stored == document
        assert keys <= stored.keys()
        assert (stored["model_key"], stored["question"], stored["total_tokens"]) == (
            cell.model, cell.question, cell.tokens
        )  # fmt: skip
    for row in (*documents["phase3"][0][TOP], *documents["phase3"][0][RANDOM]):
        assert row.keys() >= ROW_KEYS


ONE_ITEM = Tolerance(1, 0, "one answer may tip where fp32 sums run in another order")

TOLERANCES = {
    "unablated": ONE_ITEM,
    "top.*.correct": ONE_ITEM,
    "random.*.correct": ONE_ITEM,
}


@pytest.mark.baseline("qrhead", "{cell}")
def test_figures_are_those_of_the_baseline(
    cell, detection_of, ablation_of, json_baseline, pytestconfig
):
    if not is_default(pytestconfig):
        pytest.skip("baselines are kept for registered models, synthetic filings, fp32, CPU")
    document = ablation_of(cell)
    figures = {
        "model": document["model_key"],
        "question": cell.question,
        "total_tokens": document["total_tokens"],
        "test_samples": document["test_samples"],
        "unablated": document["baseline"]["correct"],
        # As sets: two heads of nearly the same score may change places on another CPU.
        "top": [_row(row, sorted(row["heads_str"])) for row in document[TOP]],
        "random": [_row(row, row["heads_str"]) for row in document[RANDOM]],
        "ablation": document["ablation"],
        "inputs": document["inputs"],
    }
    json_baseline.check(figures, provenance=document["provenance"], tolerances=TOLERANCES)


def _row(row, heads):
    return {
        "num_heads": row["num_heads"],
        "correct": row["correct"],
        "heads": " ".join(heads),
    }
