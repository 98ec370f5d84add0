"""Work travels without models and without what it has cached, and is the same where it arrives."""

import os
import pickle
import shutil
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from ablation.filings.synthetic import synthetic_filings
from ablation.models.model import Model, open_model
from ablation.models.registry import model_spec
from experiments.cells.cell import build_cell
from experiments.cells.choices import MODES, AblationChoice
from experiments.cells.conditions import AnswersOf, answer_units
from experiments.cells.detection import ScoresOf, scores_units
from experiments.cluster.sent import Unpacker, WrongModel, packed
from experiments.cluster.worker import Worker


@pytest.fixture(scope="module")
def cell(tiny):
    return build_cell(open_model(model_spec(str(tiny))), synthetic_filings(10), "inc_state", 350)


def results(compute, units):
    return [(unit, result) for unit, (result, _) in compute(units)]


@pytest.mark.parametrize("mode", MODES)
def test_answers_computed_there_are_those_computed_here(cell, mode):
    ablation = AblationChoice(mode).of(cell)
    here = AnswersOf(cell, ablation)
    there: Any = Unpacker("cpu").unpacked(packed(here))
    units = answer_units(cell, list(cell.model.grid)[:3], ablation)
    assert there.cell.model is not cell.model
    assert there.ablation.description == ablation.description
    assert results(there, units) == results(here, units)


def test_scores_computed_there_are_those_computed_here(cell):
    units = scores_units(cell, "qrhead")
    there = Unpacker("cpu").unpacked(packed(ScoresOf(cell)))
    assert results(there, units) == results(ScoresOf(cell), units)


def test_neither_weights_nor_caches_travel(cell):
    before = packed(ScoresOf(cell))
    _ = cell.model.loaded, [prompt.sha256 for _, prompt in cell.test]
    assert packed(ScoresOf(cell)) == before
    weights = sum(path.stat().st_size for path in cell.model.directory.glob("*.safetensors"))
    assert len(before) < weights


def test_without_an_unpacker_no_model_is_opened(cell):
    with pytest.raises(pickle.UnpicklingError, match="persistent"):
        pickle.loads(packed(ScoresOf(cell)))


def test_a_model_stays_open_for_the_next_work(cell):
    unpacker = Unpacker("cpu")
    first: Any
    second: Any
    first, second = (unpacker.unpacked(packed(ScoresOf(cell))) for _ in range(2))
    assert first.cell.model is second.cell.model
    assert isinstance(first.cell.model, Model)


def test_what_was_found_out_for_work_is_kept_for_more_of_it(cell):
    unpacker = Unpacker("cpu")
    data = packed(AnswersOf(cell, AblationChoice("mean").of(cell)))
    assert unpacker.unpacked(data) is unpacker.unpacked(data)
    assert unpacker.unpacked(packed(ScoresOf(cell))) is not unpacker.unpacked(data)


def test_another_model_under_the_same_path_is_refused(tiny, tmp_path):
    folder = tmp_path / "moved"
    shutil.copytree(tiny, folder)
    cell = build_cell(open_model(model_spec(str(folder))), synthetic_filings(10), "inc_state", 350)
    data = packed(ScoresOf(cell))
    config = folder / "generation_config.json"
    config.write_text('{"max_length": 21}', encoding="utf-8")
    with pytest.raises(WrongModel, match="has other files here than where the run was started"):
        Unpacker("cpu").unpacked(data)


@pytest.mark.parametrize("loaded", [False, True], ids=["torch comes later", "torch is there"])
def test_a_worker_has_the_threads_it_is_given(loaded, monkeypatch, own_environment):
    os.environ |= {"OMP_NUM_THREADS": "5", "MKL_NUM_THREADS": "4"}
    given: list[int] = []
    torch = SimpleNamespace(set_num_threads=given.append)
    monkeypatch.setitem(sys.modules, "torch", torch)
    if not loaded:
        monkeypatch.delitem(sys.modules, "torch")
    Worker("cpu", 3)
    assert (os.environ["OMP_NUM_THREADS"], os.environ["MKL_NUM_THREADS"]) == ("3", "3")
    assert given == ([3] if loaded else [])
