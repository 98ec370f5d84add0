"""The commands on a tiny model: what they write."""

import hashlib
import io
import json
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from experiments.cli import main as cli_main
from experiments.tests.conftest import SMALL, TINY_TOKENS


@pytest.fixture
def cell(tiny_key):
    """The small cell's file, in either phase."""
    return Path("qrhead") / tiny_key / "inc_state" / f"tokens_{TINY_TOKENS}.json"


@pytest.fixture(scope="module")
def small_cell(tiny, tmp_path_factory):
    """The folder of a small cell's results, computed through the command line, and what it said."""
    folder, out, err = tmp_path_factory.mktemp("cell"), io.StringIO(), io.StringIO()
    words = [str(word) for word in ("ablate", "--model", tiny, *SMALL, "--figure")]
    with pytest.MonkeyPatch.context() as patched, redirect_stdout(out), redirect_stderr(err):
        patched.chdir(folder)
        patched.setenv("HEADCLAIMS_STORE", str(folder / "store"))
        with pytest.raises(SystemExit) as ended:
            cli_main.main(words)
    assert (ended.value.code, err.getvalue()) == (0, "")
    return folder, out.getvalue()


@pytest.fixture
def ablated(headclaims, small_cell):
    """A copy of the small cell's results and store in this folder; what the command said."""
    folder, said = small_cell
    for kept in ("results", "store"):
        shutil.copytree(folder / kept, kept)
    return said


def read(path):
    return json.loads(Path(path).read_text(encoding="utf-8"))


@pytest.mark.slow
def test_ablate_writes_the_studys_result_format(ablated, cell):
    document = read("results/phase3" / cell)
    assert document["method"] == "qrhead_ablation_incremental"
    assert document["model_key"] == cell.parts[1]
    assert document["model_name"] == "tiny"
    assert document["question_prompt"] == "What state was the company incorporated in?"
    assert document["total_tokens"] == TINY_TOKENS
    assert document["ablation_levels"] == [2, 4]
    assert document["test_samples"] == 2
    assert document["heads_source"] == f"phase2/{cell.as_posix()}"
    assert document["baseline"].keys() == {"accuracy", "correct", "total", "items"}
    assert document["ablation"] == {
        "mode": "zero", "site": "z", "scope": "all", "bias": "remove", "control_seed": 42
    }  # fmt: skip
    for rows in (document["top_heads_ablations"], document["random_heads_ablations"]):
        assert [row["num_heads"] for row in rows] == [2, 4]
        for row in rows:
            assert row.keys() == {
                "num_heads", "heads", "heads_str", "accuracy", "accuracy_drop", "correct",
                "total", "items",
            }  # fmt: skip
            assert row["heads_str"] == [f"L{layer}H{head}" for layer, head in row["heads"]]
            assert row["accuracy_drop"] == document["baseline"]["accuracy"] - row["accuracy"]
            assert [item.keys() for item in row["items"]] == 2 * [
                {"filing", "company", "truth", "answer", "correct", "strict"}
            ]
    assert document["provenance"]["model_sha256"]
    assert document["provenance"]["versions"]["torch"]


def test_detection_is_written_in_the_studys_format(ablated, cell):
    document = read("results/phase2" / cell)
    assert document["method"] == "qrhead"
    assert document["samples_processed"] == len(document["samples"]) == 4
    assert document["null_query"] == "N/A"
    assert document["needle_position"] == 0.5
    assert len(document["head_rankings"]) == 64
    assert document["head_rankings"][0].keys() == {"head", "score", "rank"}
    assert document["top_50_heads"] == [row["head"] for row in document["head_rankings"][:50]]


def test_ablate_draws_the_curve(ablated, tiny_key):
    stem = Path(f"results/figures/qrhead/{tiny_key}_inc_state_{TINY_TOKENS}")
    assert stem.with_suffix(".png").read_bytes().startswith(b"\x89PNG")
    ElementTree.parse(stem.with_suffix(".svg"))


def test_ablate_says_what_it_found(ablated):
    lines = [" ".join(line.split()) for line in ablated.splitlines()]
    assert any(line.startswith("unablated 0/2 correct [0, 66]%") for line in lines)
    assert any(line.startswith("top 4 ") and line.endswith("p = 1") for line in lines)
    for kind in ("uniform", "layer_matched"):
        assert any(line.startswith(f"{kind} 4 0/2 correct [0, 66]%, +0.0") for line in lines)


@pytest.mark.slow
def test_a_stored_cell_is_not_computed_again_unless_asked(ablated, headclaims, tiny, cell):
    path = "results/phase3" / cell
    before = read(path)
    assert headclaims("ablate", "--model", tiny, *SMALL)[0] == 0
    assert read(path) == before
    assert headclaims("ablate", "--model", tiny, *SMALL, "--seed", 43)[0] == 0
    other = read(path)
    assert other["random_heads_ablations"] != before["random_heads_ablations"]
    assert other["top_heads_ablations"] == before["top_heads_ablations"]


@pytest.mark.slow
def test_fresh_computes_again_and_finds_the_same(ablated, headclaims, tiny, cell):
    path = "results/phase3" / cell
    before = read(path)
    path.unlink()
    assert headclaims("ablate", "--model", tiny, *SMALL)[0] == 0
    assert read(path) == before
    assert headclaims("ablate", "--model", tiny, *SMALL, "--fresh")[0] == 0
    again = read(path)
    assert again["provenance"].pop("run") != before["provenance"].pop("run")
    for document in (again, before):
        assert document.pop("timestamp") == document.pop("provenance")["time"]
    assert again == before


@pytest.mark.slow
def test_no_store_computes_everything_and_keeps_nothing(headclaims, tiny, monkeypatch, cell):
    runs = []
    for _ in range(2):
        assert headclaims("ablate", "--model", tiny, *SMALL, "--store", "none")[0] == 0
        runs.append(read("results/phase3" / cell)["provenance"]["run"])
    assert runs[0] != runs[1]
    assert not Path("store").exists()


def test_skip_random_leaves_the_controls_out(headclaims, tiny, cell):
    assert headclaims("ablate", "--model", tiny, *SMALL, "--skip-random")[0] == 0
    assert read("results/phase3" / cell)["random_heads_ablations"] == []


@pytest.mark.slow
def test_a_ranking_from_a_file_is_used_and_called_after_it(
    ablated, headclaims, tiny, tiny_key, cell
):
    before = {path: path.read_bytes() for path in Path("results").rglob("*") if path.is_file()}
    ranking = read("results/phase2" / cell)
    ranking["head_rankings"] = [{**row, "score": -row["score"]} for row in ranking["head_rankings"]]
    Path("other.json").write_text(json.dumps(ranking), encoding="utf-8")
    digest = hashlib.sha256(Path("other.json").read_bytes()).hexdigest()[:8]
    given = ("ablate", "--model", tiny, *SMALL, "--figure", "--ranking", "other.json")
    status, out, err = headclaims(*given)
    assert (status, err) == (0, "")
    path = Path("results/phase3", f"other-{digest}", *cell.parts[1:])
    assert str(path) in out
    document = read(path)
    worst = ranking["head_rankings"][-1]["head"]
    assert document["heads_source"] == "other.json"
    assert document["top_heads_ablations"][0]["heads_str"][0] == worst
    assert path.with_name(f"{path.stem}_controls").is_dir()
    drawn = Path("results/figures", f"other-{digest}", f"{tiny_key}_inc_state_{TINY_TOKENS}.png")
    assert drawn.exists()
    assert not Path("results/phase2", f"other-{digest}").exists()
    assert {path: path.read_bytes() for path in before} == before


@pytest.mark.slow
@pytest.mark.parametrize("options", [("--method", "random"), ("--mode", "bos")])
def test_a_figure_of_another_way_has_a_name_of_its_own(ablated, headclaims, tiny, options):
    drawn = Path("results/figures").rglob("*.png")
    before = {path: path.read_bytes() for path in drawn}
    assert headclaims("ablate", "--model", tiny, *SMALL, "--figure", *options)[0] == 0
    assert {path: path.read_bytes() for path in before} == before
    assert len(list(Path("results/figures").rglob("*.png"))) == 2


def test_detect_names_the_best_heads(headclaims, tiny, cell):
    status, out, _ = headclaims("detect", "--model", tiny, *SMALL[:6])
    assert status == 0
    assert "top 10 heads: L" in out
    assert read("results/phase2" / cell)["samples_processed"] == 4


@pytest.mark.slow
def test_run_computes_the_grid(headclaims, tiny):
    status, out, err = headclaims(
        "run", "--model", tiny, *SMALL[2:], "--question", "inc_state", "--question", "hq_state"
    )
    assert (status, err) == (0, "")
    assert out.count("unablated") == 2
    assert len(list(Path("results/phase3").rglob("tokens_*.json"))) == 2
    assert len(list(Path("results/phase3").rglob("layer_matched_by_item_42.json"))) == 2


@pytest.mark.slow
def test_several_control_draws_are_kept_one_by_one_and_drawn_together(
    ablated, headclaims, tiny, cell
):
    status, out, _ = headclaims(
        "ablate", "--model", tiny, *SMALL, "--control-draws", "3", "--figure"
    )
    assert status == 0
    assert "mean of 3 draws (0 to 0)" in out
    folder = (Path("results/phase3") / cell).with_suffix("")
    draws = {path.stem: read(path) for path in Path(f"{folder}_controls").glob("*.json")}
    assert draws.keys() == {
        "layer_matched_by_item_42",  # of the run before, which had one draw
        *(f"layer_matched_{seed}" for seed in (42, 43, 44)),
        *(f"uniform_{seed}" for seed in (43, 44)),
    }
    matched = draws["layer_matched_43"]
    assert matched["control"] == {"kind": "layer_matched", "seed": 43, "by_item": False}
    top = read("results/phase3" / cell)["top_heads_ablations"]
    for row, tested in zip(matched["ablations"], top, strict=True):
        assert row["num_heads"] == tested["num_heads"] == len(row["heads"])
        assert not set(row["heads_str"]) & set(tested["heads_str"])
        assert isinstance(row["heads_in_other_layers"], int)
    for row, tested in zip(draws["layer_matched_by_item_42"]["ablations"], top, strict=True):
        assert list(row["heads_by_item"]) == [item["filing"] for item in row["items"]]
        for own in row["heads_by_item"].values():
            assert len({*own}) == row["num_heads"] == tested["num_heads"]
            assert not {*own} & {*tested["heads_str"]}
    assert len({tuple(own) for own in row["heads_by_item"].values()}) > 1


HEAVY = {"torch", "transformers", "scipy.special", "matplotlib"}
"""What takes long to import."""


@pytest.mark.slow
def test_help_waits_for_nothing_heavy():
    code = f"import sys, experiments.cli.main; print(sorted({HEAVY} & set(sys.modules)))"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ended.stdout == "[]\n"


@pytest.mark.slow
def test_an_interrupted_run_keeps_its_finished_cells(headclaims, tiny, monkeypatch):
    from experiments.cells import conditions

    whole = conditions.answers

    def interrupt_the_second(cell, *arguments, **options):
        if cell.question != "inc_state":
            raise KeyboardInterrupt
        return whole(cell, *arguments, **options)

    monkeypatch.setattr(conditions, "answers", interrupt_the_second)
    status, _, err = headclaims("run", "--model", tiny, *SMALL[2:])
    assert status == 130
    assert err.splitlines()[-1] == "Error: interrupted; what was finished is kept"
    stored = list(Path("results/phase3").rglob("tokens_*.json"))
    assert [read(path)["question"] for path in stored] == ["inc_state"]


@pytest.mark.slow
def test_a_grid_of_several_lengths_is_drawn_in_rows(headclaims, tiny, tiny_key):
    status, _, err = headclaims(
        "run", "--model", tiny, *SMALL[4:6], "--levels", "2", "--question", "inc_state",
        "--tokens", "200,210,220,230,240", "--figure",
    )  # fmt: skip
    assert (status, err) == (0, "")
    drawn = Path(f"results/figures/qrhead/{tiny_key}_inc_state_200_210_220_230_240.svg")
    titles = drawn.read_text(encoding="utf-8").count(">inc_state, ")
    assert titles == 5
