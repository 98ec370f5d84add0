"""What the commands say to bad input and in need: one line, a status, and nothing half-written."""

import shutil
from pathlib import Path

import pytest

from experiments.tests.conftest import SMALL


def test_a_cell_takes_a_question(headclaims):
    status, out, err = headclaims("ablate")
    assert (status, out) == (2, "")
    assert "Missing option '--question'" in err


@pytest.mark.parametrize("group", [(), ("results",)])
def test_a_group_without_a_command_shows_its_help_line_by_line(headclaims, group):
    status, out, err = headclaims(*group)
    assert (status, out) == (2, "")
    assert err.startswith(" ".join(("Usage: headclaims", *group)))
    assert "\n\nCommands:\n" in err


BAD = {
    "question": (("--question", "ceo"), 2, "'ceo' is not one of"),
    "too short": (("--tokens", 90), 2, "takes at least"),
    "negative": (("--tokens", -1), 2, "takes at least"),
    "zero": (("--tokens", 0), 2, "takes at least"),
    "too long": (
        ("--tokens", 2049),
        2,
        ", which holds prompts of at most 2048",
    ),
    "levels words": (("--levels", "five"), 2, "whole numbers with commas between"),
    "levels empty": (("--levels", ""), 2, "whole numbers with commas between"),
    "levels zero": (("--levels", "0,5"), 2, "level 0 is out of range: ablate from 1 to 64"),
    "levels negative": (("--levels", "-5"), 2, "level -5 is out of range"),
    "levels above": (("--levels", "65"), 2, "level 65 is out of range"),
    "levels unsorted": (("--levels", "4,2"), 2, "levels must ascend without repeats"),
    "no control left": (("--levels", "33"), 2, "33 ablated heads need as many others"),
    "model": (("--model", "gpt5"), 2, "unknown model 'gpt5'"),
    "device": (("--device", "cuda:99"), 2, "cannot be used here"),
    "dtype": (("--dtype", "int4"), 2, "'int4' is not one of"),
    "ranking": (("--ranking", "none.json"), 2, "ranking file none.json: none.json: cannot be read"),
    "filings": (("--filings", "nowhere"), 2, "nowhere"),
    "ground truth alone": (("--ground-truth", "x.csv"), 2, "--ground-truth needs --filings"),
    "too few filings": (("--synthetic", 1), 2, "no filing of the detection split"),
    "no filings": (("--synthetic", 0), 2, "at least 1 synthetic filing"),
    "chat": (("--prompt-style", "chat"), 2, "requires a tokenizer with a chat template"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line_and_leaves_nothing(headclaims, tiny, case):
    arguments, expected_status, message = BAD[case]
    status, out, err = headclaims("ablate", "--model", tiny, *SMALL, *arguments)
    assert status == expected_status
    assert message in err
    assert err.startswith("Error: ")
    assert err.count("\n") == 1
    assert out == ""
    assert not [path for path in Path("results").rglob("*") if path.is_file()]


@pytest.mark.parametrize("content", ["", "[1, 2]", "{", '{"head_rankings": [{"head": "0-1"}]}'])
def test_a_malformed_ranking_file_is_named(headclaims, tiny, tmp_path, content):
    Path("bad.json").write_text(content, encoding="utf-8")
    status, _, err = headclaims("ablate", "--model", tiny, *SMALL, "--ranking", "bad.json")
    assert status == 2
    assert err.startswith("Error: ranking file bad.json: ")
    assert err.count("\n") == 1


def test_a_results_folder_that_cannot_be_written_is_refused_at_once(headclaims, tiny):
    Path("taken").write_text("a file", encoding="utf-8")
    status, _, err = headclaims("ablate", "--model", tiny, *SMALL, "--out", "taken")
    assert status == 2
    assert err.startswith("Error: results cannot be written to taken")
    assert err.count("\n") == 1


def test_a_full_disk_is_one_line_and_leaves_no_half_file(headclaims, tiny, monkeypatch):
    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    status, _, err = headclaims("ablate", "--model", tiny, *SMALL)
    assert status == 2
    assert "the result cannot be stored (No space left on device)" in err
    assert err.count("\n") == 1
    files = [path for path in Path().rglob("*") if path.is_file()]
    assert {path.suffix for path in files} == {".lock"}


def test_a_model_that_cannot_be_had_exits_with_3(headclaims, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    status, _, err = headclaims("ablate", "--model", "instruct", *SMALL)
    assert status == 3
    assert err.startswith("Error: model meta-llama/Meta-Llama-3-8B-Instruct cannot be had")
    assert err.count("\n") == 1


def test_nan_in_the_model_is_one_line_and_no_figure(headclaims, tiny, tmp_path):
    from safetensors.torch import load_file, save_file

    broken = tmp_path / "broken"
    shutil.copytree(tiny, broken)
    weights = load_file(broken / "model.safetensors")
    weights["model.norm.weight"] = weights["model.norm.weight"] * float("nan")
    save_file(weights, broken / "model.safetensors", {"format": "pt"})
    status, _, err = headclaims("ablate", "--model", broken, *SMALL)
    assert status == 4
    assert "NaN" in err
    assert err.count("\n") == 1
    assert not list(Path("results/phase3").rglob("tokens_*.json"))
