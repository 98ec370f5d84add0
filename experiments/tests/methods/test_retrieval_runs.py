"""Retrieval by heads: a result for each task, kept once it is found."""

import pytest

from ablation.filings.synthetic import synthetic_filings
from ablation.heads import Head
from ablation.models.model import open_model
from ablation.models.registry import model_spec
from ablation.tests.support.tiny_models import tiny_directory
from experiments.cells.cell import build_cell
from experiments.methods.retrieval import runs
from experiments.methods.retrieval.passages import Passages, passages
from experiments.methods.retrieval.runs import gold_ranks, retrieval_tasks
from experiments.store import Run, Store

SELECTIONS = {"top": [Head(0, 0), Head(1, 3)], "other": [Head(0, 5)]}


@pytest.fixture(scope="module")
def cells(tmp_path_factory):
    directory = tiny_directory(tmp_path_factory.mktemp("models") / "tiny", layers=2)
    model = open_model(model_spec(str(directory)))
    filings = synthetic_filings(12)
    return [build_cell(model, filings, question, 350) for question in ("inc_state", "hq_state")]


@pytest.fixture(autouse=True)
def short_tasks(monkeypatch):
    """Three paragraphs: the tiny model has a token for every byte."""
    monkeypatch.setattr(runs, "passages", short)


def short(filing, others, question):
    whole = passages(filing, others, question)
    kept = sorted({whole.gold, 0, len(whole.paragraphs) - 1})
    texts = tuple(whole.paragraphs[place][:120] for place in kept)
    return Passages(whole.filing, whole.company, texts, kept.index(whole.gold))


def of(root):
    return Store(root, Run("run", "pytest"))


@pytest.mark.slow
def test_a_killed_run_keeps_the_tasks_it_has_done(cells, tmp_path, monkeypatch):
    whole, killed = runs._ranked, iter([False, False, True])
    done: list = []

    def ranked(*arguments):
        if next(killed, False):
            raise KeyboardInterrupt
        done.append(arguments)
        return whole(*arguments)

    monkeypatch.setattr(runs, "_ranked", ranked)
    with pytest.raises(KeyboardInterrupt):
        gold_ranks(cells, SELECTIONS, of(tmp_path / "store"))
    found = gold_ranks(cells, SELECTIONS, of(tmp_path / "store"))
    assert len(done) == sum(len(cell.test) for cell in cells)
    assert found == gold_ranks(cells, SELECTIONS, of(tmp_path / "other"))


def test_ranks_are_in_the_order_of_the_cells_filings(cells, tmp_path):
    for cell, found in zip(cells, gold_ranks(cells, SELECTIONS, of(tmp_path)), strict=True):
        tasks = retrieval_tasks(cell)
        assert [item["filing"] for item in found["items"]] == [task.filing for task in tasks]
        assert found["ranks"].keys() == SELECTIONS.keys()
        for ranks in found["ranks"].values():
            assert all(
                1 <= rank <= len(task.paragraphs) for rank, task in zip(ranks, tasks, strict=True)
            )
