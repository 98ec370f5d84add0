"""``headclaims exp10`` on a tiny model: what it writes, and what it says to bad input."""

import json
import shutil
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from ablation.assets.text import read_text, tokenise
from ablation.models.registry import model_spec
from ablation.tests.support.tiny_models import byte_tokenizer
from experiments.exp10.figures.all_figures import NAMES
from experiments.exp10.options import MODES
from experiments.machine.files import drawing
from experiments.machine.files.drawing import KINDS


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


@pytest.fixture
def tag_of(tiny, text):
    """What files are called after: the model, and what departs from its defaults."""

    def tag(model=tiny, *, mode="", tokens=40, window=20):
        key = model_spec(str(model)).key
        label = tokenise(read_text(str(text)), byte_tokenizer(), tokens).label
        return "_".join(filter(None, (key, mode, label, f"{tokens}x{window}")))

    return tag


@pytest.fixture
def read(tag_of):
    def document(name, *model, **departures):
        path = Path("results/data", f"{name}_{tag_of(*model, **departures)}.json")
        return json.loads(path.read_text(encoding="utf-8"))

    return document


@pytest.fixture
def one_kind(monkeypatch):
    """Figures as PNG alone, where their names matter."""
    monkeypatch.setattr(drawing, "KINDS", KINDS[:1])


@pytest.mark.slow
def test_all_parts_write_the_studys_files_and_figures(sweep, read, tag_of):
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
    names = {path.name for path in Path("results/figures").iterdir()}
    assert names == {f"{name}_{tag_of()}.{kind}" for name in NAMES for kind in KINDS}
    for stem in NAMES:
        drawn = Path("results/figures", f"{stem}_{tag_of()}.png")
        assert drawn.read_bytes().startswith(b"\x89PNG")
        ElementTree.parse(drawn.with_suffix(".svg"))
    for said in ("65 evaluations computed", "heads per second; peak memory: resident", "10B: alpha",
                 "10C: of 64 heads removed together", "10D: layer effects"):  # fmt: skip
        assert said in out


@pytest.mark.slow
def test_parts_are_what_is_computed_and_a_second_run_goes_on_with_them(sweep, read, tag_of):
    status, out, _ = sweep("--parts", "a", "--no-figures")
    assert status == 0
    assert not Path(f"results/data/exp10c_{tag_of()}.json").exists()
    assert not Path("results/figures").exists()
    before = read("exp10a")
    status, out, _ = sweep("--parts", "ab", "--no-figures")
    assert "all 64 heads were stored" in out
    assert "10B: alpha" in out
    assert read("exp10a")["heads"] == before["heads"]
    status, out, _ = sweep("--parts", "a", "--no-figures", "--fresh")
    assert "65 evaluations computed" in out


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES[2:])
def test_other_attention_is_another_result(mode, sweep, read):
    assert sweep("--parts", "a", "--no-figures", "--mode", mode)[0] == 0
    document = read("exp10a", mode=mode)
    assert document["ablation"] == {"mode": mode, "site": "z", "scope": "all", "bias": "keep"}
    assert len({head["ppl"] for head in document["heads"]}) > 60


@pytest.mark.slow
def test_mean_ablation_is_another_result(sweep, read):
    assert sweep("--parts", "a", "--no-figures")[0] == 0
    assert sweep("--parts", "a", "--no-figures", "--mode", "mean")[0] == 0
    zero, mean = read("exp10a"), read("exp10a", mode="mean")
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


@pytest.mark.slow
def test_the_default_window_is_no_longer_than_what_the_text_was_cut_to(
    headclaims, tiny, text, read
):
    options = ("--text", text, "--max-tokens", 30, "--parts", "a", "--no-figures")
    assert headclaims("exp10", "--model", tiny, *options)[0] == 0
    assert read("exp10a", tokens=30, window=30)["text"]["window"] == 30


@pytest.mark.slow
def test_a_part_that_is_not_asked_for_again_is_kept(sweep, read):
    assert sweep("--parts", "bd", "--no-figures")[0] == 0
    before = read("exp10")
    assert sweep("--parts", "a", "--no-figures")[0] == 0
    after = read("exp10")
    assert after["rank_size"] == before["rank_size"]
    assert after["penetration"] == before["penetration"]


@pytest.mark.slow
def test_that_g_is_undefined_is_not_said_of_a_model_for_which_it_was_found(
    sweep, read, monkeypatch
):
    from experiments.exp10 import runner

    def undefined(*_):
        raise runner.UndefinedPenetration("the senses do not differ")

    with monkeypatch.context() as patched:
        patched.setattr(runner, "penetration", undefined)
        assert sweep("--parts", "d", "--no-figures")[0] == 0
    without = read("exp10")
    assert without["no_penetration"] == "the senses do not differ"
    assert sweep("--parts", "b", "--no-figures")[0] == 0
    assert read("exp10")["no_penetration"] == "the senses do not differ"
    assert sweep("--parts", "d", "--no-figures")[0] == 0
    found = read("exp10")
    assert "no_penetration" not in found
    with monkeypatch.context() as patched:
        patched.setattr(runner, "penetration", undefined)
        assert sweep("--parts", "d", "--no-figures")[0] == 0
    assert not {"penetration", "correlation"} & read("exp10").keys()
    assert {"penetration", "correlation"} <= found.keys()


def files(folder):
    return {path: path.read_bytes() for path in Path(folder).rglob("*") if path.is_file()}


SMALL = ("--max-tokens", 40, "--window", 20, "--parts", "a")


@pytest.mark.slow
def test_a_model_or_text_of_the_same_name_has_files_of_its_own(
    sweep, tiny, tmp_path, headclaims, text, one_kind
):
    assert sweep("--parts", "a")[0] == 0
    before = files("results")
    other = {"model": tmp_path / "other" / "tiny", "text": tmp_path / "other" / text.name}
    shutil.copytree(tiny, other["model"])
    other["text"].write_text("A crane is not a heron. " * 20, encoding="utf-8")
    for runs, what in enumerate(other, start=2):
        given = {"model": tiny, "text": text} | {what: other[what]}
        options = [word for name, path in given.items() for word in (f"--{name}", path)]
        assert headclaims("exp10", *options, *SMALL)[0] == 0
        after = files("results")
        assert before.items() <= after.items()
        assert len(after) == runs * len(before)


@pytest.mark.slow
def test_files_of_another_model_under_the_same_path_do_not_stay_beside_this_ones(
    tiny, tmp_path, headclaims, text, read, tag_of
):
    model = tmp_path / "changing"
    shutil.copytree(tiny, model)
    given = ("exp10", "--model", model, "--text", text, *SMALL[:4], "--no-figures", "--parts")
    assert headclaims(*given, "bc")[0] == 0
    assert Path(f"results/data/exp10c_{tag_of(model)}.json").exists()
    (model / "generation_config.json").write_text("{}", encoding="utf-8")
    status, out, _ = headclaims(*given, "a")
    assert status == 0
    assert "65 evaluations computed" in out
    assert not Path(f"results/data/exp10c_{tag_of(model)}.json").exists()
    assert "rank_size" not in read("exp10", model)


@pytest.mark.slow
def test_figures_of_other_models_are_left_alone_and_stale_ones_are_not(sweep, tag_of):
    figures = Path("results/figures")
    figures.mkdir(parents=True)
    others = [f"exp10b_zipf_my_{tag_of()}.png", f"exp10c_pareto_{tag_of()}.5_{tag_of()}.svg"]
    stale = [f"exp10{name}_{tag_of()}.{kind}" for name in ("c_pareto", "d_g_correlation")
             for kind in KINDS]  # fmt: skip
    for name in (*others, *stale):
        (figures / name).write_text("a figure", encoding="utf-8")
    status, out, _ = sweep("--parts", "b")
    assert status == 0
    drawn = {Path(line.removeprefix("figure: ")).name for line in out.splitlines()
             if line.startswith("figure: ")}  # fmt: skip
    assert {path.name for path in figures.iterdir()} == {*drawn, *others}
    assert len(drawn) == 4 * len(KINDS)


@pytest.mark.slow
def test_a_model_whose_heads_do_nothing_is_a_result(
    headclaims, tiny, tmp_path, text, read, one_kind
):
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
    assert read("exp10", idle, tokens=20)["rank_size"]["gini"] == 0
    assert len(list(Path("results/figures").glob("*.png"))) == 4
