"""The documents of the READMEs' pictures, made out of a store on a tiny model."""

import json

import pytest

from experiments.cells.choices import MODES, SCOPES
from experiments.pages.readmes import results

QUESTIONS = ("inc_state", results.OTHER_QUESTION)


@pytest.fixture(scope="module")
def cells(tmp_path_factory):
    """Two cells of a model of 128 heads: 50 are left beside the top 50."""
    from ablation.filings.synthetic import synthetic_filings
    from ablation.models.model import open_model
    from ablation.models.registry import model_spec
    from ablation.tests.support.tiny_models import tiny_directory
    from experiments.cells.cell import build_cell

    folder = tiny_directory(tmp_path_factory.mktemp("models") / "tiny", layers=2, heads=64)
    model = open_model(model_spec(str(folder)))
    filings = synthetic_filings(10)
    return [build_cell(model, filings, question, 200) for question in QUESTIONS]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    from experiments.store import Store
    from experiments.store.folder import Run

    return Store(tmp_path_factory.mktemp("results"), Run("a", "pytest"))


@pytest.fixture
def made(cells, store, monkeypatch):
    """Makes a document twice: the second time nothing may be left to compute."""
    monkeypatch.setattr(results, "LEVELS", (2, 3))

    def make(name):
        document = results.MAKERS[name][1](cells, store)
        kept = {path: path.stat().st_mtime_ns for path in store.root.glob("documents/*/??/*.json")}
        again = results.MAKERS[name][1](cells, store)
        assert again == document
        assert kept == {
            path: path.stat().st_mtime_ns for path in store.root.glob("documents/*/??/*.json")
        }
        json.dumps(document, allow_nan=False)
        assert document["provenance"]["model_sha256"] == cells[0].model.fingerprint
        return document

    return make


@pytest.mark.slow
def test_the_curves_have_every_condition_of_every_cell(made):
    found = made("curves")["cells"]
    assert [cell["ablation"]["question"] for cell in found] == list(QUESTIONS)
    for cell in found:
        levels = cell["ablation"]["ablation_levels"]
        (control,) = cell["controls"]
        assert control["control"] == {"kind": "layer_matched", "seed": 42, "by_item": True}
        rows = (
            cell["ablation"]["top_heads_ablations"],
            cell["ablation"]["random_heads_ablations"],
            control["ablations"],
        )
        assert [[row["num_heads"] for row in of_kind] for of_kind in rows] == [levels] * 3
        assert all("heads_in_other_layers" in row for row in control["ablations"])


@pytest.mark.slow
def test_the_comparison_has_the_methods_of_the_claim(made):
    found = made("methods")
    methods = {row["method"] for row in found["ablations"]}
    methods |= {row["method"] for row in found["left_out"]} - {"shared"}
    assert methods == set(results.COMPARED)


@pytest.mark.slow
def test_the_modes_are_those_of_the_cell_with_longer_answers(made):
    found = made("modes")
    assert found["questions"] == [results.OTHER_QUESTION]
    assert [(row["mode"], row["scope"]) for row in found["ablations"]] == [
        (mode, scope) for mode in MODES for scope in SCOPES
    ]
