"""Workers that need the same cells share the work: each takes what no other is at."""

from pathlib import Path

import pytest
from filelock import FileLock

from ablation.filings.synthetic import synthetic_filings
from ablation.loading import load_model
from ablation.models import model_spec
from ablation.tests.tiny_models import tiny_directory
from experiments.qrhead.cell_ablation import AblationPlan
from experiments.qrhead.cells import build_cell
from experiments.qrhead.runner import CellRunner, ResultsFolder


@pytest.fixture(scope="module")
def cells(tmp_path_factory):
    """Two cells of a model of 128 heads."""
    directory = tiny_directory(tmp_path_factory.mktemp("models") / "tiny", layers=8)
    loaded = load_model(model_spec(str(directory)))
    return [
        build_cell(loaded, synthetic_filings(6), question, 350)
        for question in ("inc_state", "hq_state")
    ]


def documents(root):
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*.json"))


STATE, HQ = "phase3/qrhead/tiny/inc_state/tokens_350", "phase3/qrhead/tiny/hq_state/tokens_350"
RANKINGS = [
    "phase2/qrhead/tiny/hq_state/tokens_350.json",
    "phase2/qrhead/tiny/inc_state/tokens_350.json",
]
ALL = sorted(
    [
        *RANKINGS,
        f"{STATE}.json",
        f"{HQ}.json",
        f"{STATE}_controls/layer_matched_42.json",
        f"{HQ}_controls/layer_matched_42.json",
        "phase3/qrhead/tiny/noise.json",
    ]
)


@pytest.mark.parametrize(
    ("taken", "left"),
    [
        ([], []),
        ([f"{HQ}.json"], [f"{HQ}.json"]),
        ([f"{STATE}_controls/layer_matched_42.json"],) * 2,
        # The noise is of the first cell's answers, and nothing of a cell goes without its ranking.
        ([f"{STATE}.json"], [f"{STATE}.json", "phase3/qrhead/tiny/noise.json"]),
        (RANKINGS, ALL),
    ],
    ids=["nothing", "an ablation", "a draw", "the first ablation", "the rankings"],
)
def test_what_other_processes_are_at_is_left_to_them(cells, tmp_path, taken, left):
    runner = CellRunner(ResultsFolder(tmp_path), AblationPlan(levels=(2,)))
    locks = []
    for name in taken:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        locks.append(FileLock(Path(path.parent, f".{path.name}.lock")))
        locks[-1].acquire()
    runner.share(cells)
    assert documents(tmp_path) == [name for name in ALL if name not in left]
    for lock in locks:
        lock.release()
    # What was left is computed by whoever reads it and finds that nobody is at it.
    for cell in cells:
        runner.controls(cell)
    runner.noise(cells[0])
    runner.ablate(cells[1])
    assert documents(tmp_path) == ALL
