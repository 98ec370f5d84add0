"""Workers that need the same cells share the work: each takes what no other is at."""

import pytest

from ablation.detection import QRHEAD
from ablation.filings.synthetic import synthetic_filings
from ablation.models.model import open_model
from ablation.models.registry import model_spec
from ablation.tests.tiny_models import tiny_directory
from experiments.cells import conditions
from experiments.cells.cell import build_cell
from experiments.cells.choices import AblationChoice
from experiments.cells.conditions import answers_unit
from experiments.cells.detection import detection_unit
from experiments.cells.noise import noise_unit
from experiments.cells.plan import AblationPlan
from experiments.cells.runner import CellRunner, ResultsFolder
from experiments.store import Run, Store

PLAN = AblationPlan(levels=(2, 3))
CONDITIONS = 1 + 2 + 2 + 2  # unablated; top, uniform and layer-matched heads


@pytest.fixture(scope="module")
def cells(tmp_path_factory):
    """Two cells of a model of 128 heads."""
    directory = tiny_directory(tmp_path_factory.mktemp("models") / "tiny", layers=2, heads=64)
    model = open_model(model_spec(str(directory)))
    return [
        build_cell(model, synthetic_filings(6), question, 350)
        for question in ("inc_state", "hq_state")
    ]


@pytest.fixture
def runner_of(tmp_path):
    def runner(name="run", **options):
        store = Store(tmp_path / "store", Run(name, "pytest"), **options)
        return CellRunner(store, ResultsFolder(tmp_path / name), PLAN)

    return runner


def stored(runner):
    return {path.stem for path in runner.store.root.glob("documents/*/??/*.json")}


def everything(runner, cells):
    for cell in cells:
        runner.ablate(cell)
        runner.controls(cell)
    runner.noise(cells[0])
    return stored(runner)


def counted(monkeypatch):
    """How many sets of heads the model answers under in each call."""
    calls: list[int] = []
    whole = conditions.answers

    def answers(cell, head_sets, *arguments, **options):
        calls.append(len(head_sets))
        return whole(cell, head_sets, *arguments, **options)

    monkeypatch.setattr(conditions, "answers", answers)
    return calls


def test_what_other_processes_are_at_is_left_to_them(cells, runner_of):
    first, second = cells
    unablated = answers_unit(first, (), AblationChoice().of(first))
    ranking = detection_unit(second, QRHEAD)
    noise = noise_unit(first)
    runner = runner_of()
    with runner.store.lock(unablated), runner.store.lock(ranking):
        runner.share(cells)
        # Nothing of a cell goes without its ranking, and the noise is of the first cell's answers.
        assert len(stored(runner)) == 1 + (CONDITIONS - 1)
        assert not {unablated.digest, ranking.digest, noise.digest} & stored(runner)
    # What was left is computed by whoever reads it and finds that nobody is at it.
    assert len(everything(runner, cells)) == 2 + 2 * CONDITIONS + 1


def test_conditions_are_claimed_a_few_at_a_time_and_computed_once(cells, runner_of, monkeypatch):
    calls = counted(monkeypatch)
    everything(runner_of("first"), cells)
    # Unablated, top and uniform heads, then the layer-matched ones.
    assert calls == 2 * [4, 1, 2]
    everything(runner_of("second"), cells)
    assert len(calls) == 6
    everything(runner_of("third", fresh=True), cells)
    assert calls[6:] == 2 * [4, 1, 2]


def test_exported_files_are_the_same_whoever_computed(cells, runner_of):
    runners = [runner_of(name) for name in ("first", "second")]
    for runner in runners:
        everything(runner, cells)
    files = [
        {path.relative_to(runner.results.root): path.read_bytes() for path in folder}
        for runner in runners
        for folder in [runner.results.root.rglob("*.json")]
    ]
    assert files[0] == files[1]
    assert len(files[0]) == 6
