"""``headclaims compare`` on a tiny model: what is ablated, what is shared, what is computed."""

import json
import re
from pathlib import Path

import pytest

from ablation.detection.ranking import HeadRanking
from ablation.heads import HeadGrid
from ablation.models.registry import model_spec
from experiments.cells.choices import MODES, SCOPES
from experiments.machine.files.drawing import KINDS

SMALL = ("--tokens", 200, "--synthetic", 10)
QUESTION = ("--question", "inc_state")
METHODS = ("qrhead", "summed_attention", "random")
THREE = [word for method in METHODS for word in ("--method", method)]
PAIRS = ("qrhead and summed_attention", "qrhead and random", "summed_attention and random")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """128 heads: enough are left outside the top 50 of two methods."""
    from ablation.tests.support.tiny_models import tiny_directory

    return tiny_directory(tmp_path_factory.mktemp("models") / "tiny", layers=2, heads=64)


def stored(kind):
    paths = Path("store/documents").joinpath(kind).rglob("*.json")
    return [json.loads(path.read_text(encoding="utf-8")) for path in paths]


@pytest.mark.slow
def test_what_is_compared_has_the_same_items_and_controls(headclaims, model):
    chosen = (*QUESTION, *QUESTION, *THREE, "--levels", "2,3", "--control-draws", 2, "--figure")
    status, out, err = headclaims("compare", "methods", "--model", model, *SMALL, *chosen)
    assert (status, err) == (0, "")
    lines = out.splitlines()
    overlaps, unablated, rows, files = lines[:6], lines[6], lines[7:13], lines[13:]
    assert unablated.startswith("unablated ")
    assert [line.split(":")[0] for line in overlaps] == 2 * list(PAIRS)
    assert [row.split()[0] for row in rows] == [method for method in METHODS for _ in (2, 3)]
    assert [line.split(":")[0] for line in files] == ["results", *["figure"] * len(KINDS)]
    for line in files:
        path = Path(line.split(": ")[1])
        assert path.stat().st_size > 1000
        # Asked twice, compared once.
        assert path.stem == f"{model_spec(str(model)).key}_inc_state_200"

    document = json.loads(Path(files[0].split(": ")[1]).read_text(encoding="utf-8"))
    assert (document["left_out"], document["questions"]) == ([], ["inc_state"])
    found = {(row["method"], row["num_heads"]): row for row in document["ablations"]}
    assert list(found) == [(method, level) for method in METHODS for level in (2, 3)]
    for level in (2, 3):
        of_all = [found[method, level]["shared"] for method in METHODS]
        assert of_all[0] == of_all[1] == of_all[2]
        assert len(of_all[0]["correct"]) == 2  # draws

    sets = {frozenset(unit["key"]["heads"]) for unit in stored("answer")}
    # Unablated; for each level three tops, their controls twice, and the shared control twice.
    assert len(sets) <= 1 + 2 * (3 + 3 * 2 + 2)
    scores: dict[str, list] = {}
    for unit in stored("scores"):
        scores.setdefault(unit["key"]["method"], []).append(unit["result"]["scores"])
    assert set(scores) == set(METHODS) - {"random"}
    rankings = [HeadRanking.of_prompts(HeadGrid.even(2, 64), of) for of in scores.values()]
    tops = [set(map(str, ranking.top(50))) for ranking in rankings]
    of_no_method = [heads for heads in sets if heads and not any(heads & top for top in tops)]
    assert len(of_no_method) >= 4


@pytest.mark.slow
def test_a_method_that_finds_nothing_is_left_out_with_the_reason(headclaims, model):
    compare = ("compare", "methods", "--model", model, *SMALL, *QUESTION, "--method", "wu24")
    reason = "wu24: inc_state at 200 tokens: wu24 requires a prompt whose answer the model"
    chosen = ("--method", "random", "--levels", "2", "--mode", "bos", "--scope", "last")
    status, out, err = headclaims(*compare, *chosen)
    assert status == 0
    assert err.startswith(f"left out: {reason}")
    assert "random               2" in out
    assert {str(unit["key"]["ablation"]) for unit in stored("answer")} == {
        "None", "{'mode': 'bos', 'site': 'z', 'scope': 'last', 'bias': 'keep'}"
    }  # fmt: skip
    status, out, err = headclaims(*compare)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert f"a method that ranks the heads is required, got none: {reason}" in err


@pytest.mark.slow
def test_a_shared_control_that_a_model_is_too_small_for_is_left_out(headclaims, tiny):
    """64 heads: each of three methods excludes 32."""
    chosen = (*QUESTION, *THREE, "--levels", "2,25")
    status, out, err = headclaims(
        "compare", "methods", "--model", tiny, *SMALL, *chosen, "--figure"
    )
    assert status == 0
    assert re.fullmatch(r"left out: shared at 25 heads: .* only \d+ of .* are left .*\n", err)
    # The last two lines of the method: what it does at either level; before, what it shares.
    of_levels = [line for line in out.splitlines() if line.startswith("qrhead ")][-2:]
    assert [line.count("shared") for line in of_levels] == [1, 0]


@pytest.mark.slow
def test_modes_and_scopes_are_compared_in_one_cell(headclaims, model):
    chosen = (*QUESTION, "--level", 3, "--method", "random")
    status, out, err = headclaims("compare", "modes", "--model", model, *SMALL, *chosen)
    assert (status, err) == (0, "")
    unablated, _, *rows, results = out.splitlines()
    assert re.fullmatch(r"unablated \d+\.\d%( \[\d+, \d+\])?", unablated)
    found = [tuple(row.split()[:2]) for row in rows]
    assert found == [(mode, scope) for mode in MODES for scope in SCOPES]
    # Of every mode and scope the top heads and their control; and once the unablated model.
    answers = stored("answer")
    prompts = {unit["key"]["prompt_sha256"] for unit in answers}
    assert len(answers) == len(prompts) * (1 + 2 * len(found))
    document = json.loads(Path(results.removeprefix("results: ")).read_text(encoding="utf-8"))
    assert [(row["mode"], row["scope"]) for row in document["ablations"]] == found
    assert (document["heads_by"], document["num_heads"]) == ("random", 3)
    again = headclaims("compare", "modes", "--model", model, *SMALL, *chosen)
    assert again == (status, out, err)
    listed = headclaims("results", "list")[1]
    assert "damaged" not in listed
    assert "inc_state, 200 tokens, bos, bias kept, scope last, L" in listed
    assert listed.count("unablated") == len(prompts)


@pytest.mark.slow
def test_one_prompt_has_none_to_be_resampled_from_and_the_other_modes_are_compared(
    headclaims, model
):
    few = (*SMALL[:2], "--synthetic", 2)
    chosen = (*QUESTION, "--method", "random", "--level", 4)
    status, out, err = headclaims("compare", "modes", "--model", model, *few, *chosen)
    assert (status, err) == (0, "")
    said = [line for line in out.splitlines() if line.startswith("not in mode ")]
    (reason,) = said
    assert re.fullmatch(
        r"not in mode resample: resampling requires two different prompts of \d+ tokens, got one",
        reason,
    )
    compared = {line.split()[0] for line in out.splitlines()} & set(MODES)
    assert compared == set(MODES) - {"resample"}


@pytest.mark.slow
def test_too_few_heads_for_the_controls_are_refused_in_one_line(headclaims, tiny):
    chosen = (*QUESTION, *THREE, "--levels", "40")
    status, out, err = headclaims("compare", "methods", "--model", tiny, *SMALL, *chosen)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert "the model has only 64 heads: ablate fewer" in err


@pytest.mark.slow
def test_dtypes_are_compared_with_the_same_heads_and_with_their_own(headclaims, model, monkeypatch):
    monkeypatch.setattr("torch.cpu.get_capabilities", lambda: {"avx512_bf16": True})
    chosen = (*QUESTION, "--method", "random", "--levels", "2,5", "--control-draws", 2)
    status, out, err = headclaims("compare", "dtypes", "--model", model, *SMALL, *chosen)
    assert (status, err) == (0, "")
    *_, results = out.splitlines()
    document = json.loads(Path(results.removeprefix("results: ")).read_text(encoding="utf-8"))
    assert document["dtypes"] == ["float32", "bfloat16"]
    rows = {(row["condition"], row["num_heads"]): row for row in document["answers"]}
    kinds = ("top", "layer_matched", "uniform")
    assert set(rows) == {("unablated", 0), *((kind, level) for kind in kinds for level in (2, 5))}
    answers = stored("answer")
    for (kind, _), row in rows.items():
        draws = 2 if "_" in kind or kind == "uniform" else 1
        assert row["answers"] == draws * document["test_samples"][0]
        assert 0 <= row["right_in_one_only"] <= row["different"] <= row["answers"]
    # A random ranking is the same in both, so that all that was asked for in one is in the other.
    by_dtype = [
        {(unit["key"]["prompt_sha256"], *unit["key"]["heads"]): unit["result"]["answer"]
         for unit in answers if unit["key"]["dtype"] == dtype}
        for dtype in document["dtypes"]
    ]  # fmt: skip
    assert by_dtype[0].keys() == by_dtype[1].keys()
    different = sum(by_dtype[1][key] != answer for key, answer in by_dtype[0].items())
    assert sum(row["different"] for row in rows.values()) >= different
    assert [row["jaccard"] for row in document["rankings"]] == [[1.0], [1.0]]
    assert [(row["claim"], row["part"]) for row in document["claims"]] == [("A1", "5")]
    again = headclaims("compare", "dtypes", "--model", model, *SMALL, *chosen)
    assert again == (status, out, err)
    narrow = headclaims(
        "compare", "dtypes", "--dtype", "bfloat16", "--model", model, *SMALL, *chosen
    )
    assert narrow == again
