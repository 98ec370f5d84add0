"""``headclaims exp10`` on a tiny model: what it writes, and what it says to bad input."""

import json
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from experiments.exp10.options import MODES

ROOT = Path(__file__).parents[2]
STUDY = ROOT / "experiments" / "exp10"


@pytest.fixture
def text(tmp_path):
    path = tmp_path / "heron.txt"
    path.write_text("The heron fishes in shallow water, and stands still. " * 20, encoding="utf-8")
    return path


@pytest.fixture
def sweep(headclaims, tiny, text):
    """Runs the command on 40 tokens in two windows: (exit status, stdout, stderr)."""

    def run(*options):
        small = ("--text", text, "--max-tokens", 40, "--window", 20)
        return headclaims("exp10", "--model", tiny, *small, *options)

    return run


TAG = "tiny_heron_40x20"
"""The model, and what departs from its defaults."""


def read(name, tag=TAG):
    return json.loads(Path("results/data", f"{name}_{tag}.json").read_text(encoding="utf-8"))


def test_all_parts_write_the_studys_files_and_figures(sweep):
    status, out, err = sweep()
    assert (status, err) == (0, "")
    for name in ("exp10a", "exp10c", "exp10"):
        document = read(name)
        assert document["method"] == name
        assert (document["layers"], document["heads_per_layer"]) == (4, 16)
        assert document["text"]["name"] == "heron.txt"
        assert (document["text"]["tokens"], document["text"]["window"]) == (40, 20)
        assert document["ablation"] == {
            "mode": "zero", "site": "z", "scope": "all", "bias": "keep"
        }  # fmt: skip
        assert document["provenance"]["model_sha256"]
        assert document["unablated"]["ppl"] > 1
    assert len(read("exp10a")["heads"]) == 64
    curves = read("exp10c")["curves"]
    assert [(curve["order"], curve["protected_layers"]) for curve in curves] == [
        ("magnitude", []), ("magnitude", [0]), ("signed", []), ("signed", [0])
    ]  # fmt: skip
    summary = read("exp10")
    assert summary["rank_size"].keys() >= {"linear", "log_log", "maximum_likelihood", "gini"}
    assert len(summary["layer_effects"]) == len(summary["correlation"]["slope"]) == 4
    assert sum(row["share"] for row in summary["layer_effects"]) == pytest.approx(1)
    for stem in ("exp10b_histogram", "exp10b_heatmap", "exp10b_zipf", "exp10c_pareto",
                 "exp10d_layer_importance", "exp10d_g_correlation"):  # fmt: skip
        drawn = Path("results/figures", f"{stem}_{TAG}.png")
        assert drawn.read_bytes().startswith(b"\x89PNG")
        ElementTree.parse(drawn.with_suffix(".svg"))
    for said in ("65 evaluations computed", "heads per second; peak memory: resident", "10B: alpha",
                 "10C: of 64 heads removed together", "10D: layer effects"):  # fmt: skip
        assert said in out


def test_parts_are_what_is_computed_and_a_second_run_goes_on_with_them(sweep):
    status, out, _ = sweep("--parts", "a", "--no-figures")
    assert status == 0
    assert not Path(f"results/data/exp10c_{TAG}.json").exists()
    assert not Path("results/figures").exists()
    before = read("exp10a")
    status, out, _ = sweep("--parts", "ab", "--no-figures")
    assert "all 64 heads were stored" in out
    assert "10B: alpha" in out
    assert read("exp10a")["heads"] == before["heads"]
    status, out, _ = sweep("--parts", "a", "--no-figures", "--fresh")
    assert "65 evaluations computed" in out


@pytest.mark.parametrize("mode", MODES[2:])
def test_other_attention_is_another_result(mode, sweep):
    assert sweep("--parts", "a", "--no-figures", "--mode", mode)[0] == 0
    document = read("exp10a", f"tiny_{mode}_heron_40x20")
    assert document["ablation"] == {"mode": mode, "site": "z", "scope": "all", "bias": "keep"}
    assert len({head["ppl"] for head in document["heads"]}) > 60


def test_mean_ablation_is_another_result(sweep):
    assert sweep("--parts", "a", "--no-figures")[0] == 0
    assert sweep("--parts", "a", "--no-figures", "--mode", "mean")[0] == 0
    zero, mean = read("exp10a"), read("exp10a", "tiny_mean_heron_40x20")
    assert mean["ablation"]["mode"] == "mean"
    assert mean["unablated"]["ppl"] == zero["unablated"]["ppl"]
    assert mean["heads"][0]["ppl"] != zero["heads"][0]["ppl"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--max-tokens", 1), "--max-tokens must be at least 2, to predict a token, got 1"),
        (("--max-tokens", 10), "gives 10 tokens (--max-tokens 10), but a window takes 20: give a"),
        (("--window", 1), "--window must be at least 2, to predict a token, got 1"),
        (("--window", 4096), "--window must be at most the model's context of 2048 tokens, got"),
        (("--text", "nowhere.txt"), "text nowhere.txt: cannot be read (No such file"),
        (("--mode", "mean", "--bias", "remove"), "--bias remove goes with --mode zero only"),
        (("--parts", "abx"), "letters out of abcd are required, as in abc; got 'abx'"),
        (("--parts", ""), "letters out of abcd are required"),
        (("--model", "gpt5"), "unknown model 'gpt5'"),
    ],
    ids=str,
)
def test_bad_input_is_one_line_and_leaves_no_result(sweep, options, message):
    status, _, err = sweep(*options)
    assert status == 2
    assert message in err
    assert err.startswith("Error: ")
    assert err.count("\n") == 1
    assert not list(Path().rglob("exp10*"))


def test_a_text_shorter_than_the_default_window_is_refused(headclaims, tiny, tmp_path):
    short = tmp_path / "short.txt"
    short.write_text("heron " * 100, encoding="utf-8")
    status, _, err = headclaims("exp10", "--model", tiny, "--text", short, "--max-tokens", 2000)
    assert status == 2
    assert "text short.txt gives 600 tokens (--max-tokens 2000), but a window takes 1024" in err


def test_the_default_window_is_no_longer_than_what_the_text_was_cut_to(headclaims, tiny, text):
    options = ("--text", text, "--max-tokens", 30, "--parts", "a", "--no-figures")
    assert headclaims("exp10", "--model", tiny, *options)[0] == 0
    assert read("exp10a", "tiny_heron_30x30")["text"]["window"] == 30


def test_a_part_that_is_not_asked_for_again_is_kept(sweep):
    assert sweep("--parts", "bd", "--no-figures")[0] == 0
    before = read("exp10")
    assert sweep("--parts", "a", "--no-figures")[0] == 0
    after = read("exp10")
    assert after["rank_size"] == before["rank_size"]
    assert after["penetration"] == before["penetration"]


def test_files_of_another_model_of_the_same_name_do_not_stay_beside_this_ones(
    sweep, tiny, tmp_path, headclaims, text
):
    assert sweep("--parts", "bc", "--no-figures")[0] == 0
    other = tmp_path / "other" / "tiny"
    shutil.copytree(tiny, other)
    (other / "generation_config.json").write_text("{}", encoding="utf-8")
    options = ("--text", text, "--max-tokens", 40, "--window", 20, "--parts", "a", "--no-figures")
    status, out, _ = headclaims("exp10", "--model", other, *options)
    assert status == 0
    assert "65 evaluations computed" in out
    assert not Path(f"results/data/exp10c_{TAG}.json").exists()
    assert "rank_size" not in read("exp10")


def test_a_model_whose_heads_do_nothing_is_a_result(headclaims, tiny, tmp_path, text):
    idle = tmp_path / "idle"
    shutil.copytree(tiny, idle)
    weights = load_file(idle / "model.safetensors")
    for name, weight in weights.items():
        if "o_proj" in name:
            weight.zero_()
    save_file(weights, idle / "model.safetensors", {"format": "pt"})
    status, out, err = headclaims(
        "exp10", "--model", idle, "--text", text, "--max-tokens", 20, "--parts", "abcd"
    )
    assert (status, err) == (0, "")
    assert "10D: the residual stream of the last layer does not tell two senses" in out
    assert "10C: of 64 heads removed together, up to the first crossing: 64 within 1.1x" in out
    assert "10B: a rank-size fit needs at least 4 sizes that are not zero, got 0" in out
    assert read("exp10", "idle_heron_20x20")["rank_size"]["gini"] == 0
    assert len(list(Path("results/figures").glob("*.png"))) == 4


def test_the_studys_own_command_is_the_same():
    script = STUDY / "exp10_head_ablation.py"
    shown = subprocess.run(
        [sys.executable, script, "--help"], capture_output=True, text=True, check=True
    ).stdout
    for option in ("--model", "--device", "--parts", "--max-tokens", "--output-dir"):
        assert option in shown
