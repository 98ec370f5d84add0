"""``headclaims bench`` on a tiny model: it measures, compares, and judges no time."""

import json
import re
from dataclasses import replace

import pytest
import torch
from click.testing import CliRunner

from ablation.errors import InvalidInput
from ablation.heads import Head
from ablation.models.loading import load_model
from ablation.models.registry import model_spec
from ablation.tests.support.tiny_models import tiny_directory
from experiments.bench import benchmark, gpu
from experiments.bench.gpu import QUICK_GPU, gpu_benchmark
from experiments.bench.limit import limit_of
from experiments.bench.sweeps import sampled_heads, spread
from experiments.bench.timing import interleaved
from experiments.cli.commands.upkeep.bench import bench_command


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    """128 heads: 50 are left beside the top 50."""
    return tiny_directory(tmp_path_factory.mktemp("models") / "tiny", layers=8)


def not_known(loaded):
    """Stands for the TransformerBridge, which takes seconds to build."""
    raise NotImplementedError("no such architecture")


@pytest.fixture
def small(monkeypatch):
    """A few heads of a short text; no interpreter is started."""
    size = benchmark.Size(
        1, text_tokens=40, layers=2, heads=1, prompts=1, levels=(2,), shared=(512,), lengths=(512,)
    )
    monkeypatch.setattr(benchmark, "QUICK", size)
    monkeypatch.setattr(benchmark.startup, "COMMANDS", {})


def bench(directory, tmp_path, *options):
    text = tmp_path / "text.txt"
    text.write_text("It was the best of times, it was the worst of times. " * 10, encoding="utf-8")
    arguments = ["--model", str(directory), "--text", str(text), "--quick", *options]
    return CliRunner().invoke(bench_command, [str(word) for word in arguments])


@pytest.mark.slow
def test_every_part_is_measured_and_its_values_agree(small, directory, tmp_path):
    result = bench(directory, tmp_path, "--json", tmp_path / "bench.json")
    assert result.exception is None, result.output
    document = json.loads((tmp_path / "bench.json").read_text(encoding="utf-8"))
    assert (document["schema"], document["runs"]) == (1, [])
    assert {"time", "commit"} <= set(document["measured"])
    titles = [part["title"].split(":")[0] for part in document["parts"]]
    sharing = ["detection of a cell", "what prompts begin with"]
    assert titles == ["start", "sweep", "answers", "controls", *sharing, "detection"]
    start, *compared = document["parts"]
    assert list(start["ways"]) == ["load the model"]
    assert start["ways"]["load the model"]["ratio"] is None
    for part in compared:
        assert part["agrees"]
        assert len(part["ways"]) >= 2
        assert next(iter(part["ways"].values()))["ratio"] == 1
        for way in part["ways"].values():
            assert way["min"] <= way["median"] <= way["max"]
            assert way["median"] == pytest.approx(way["seconds"][0], abs=1e-3)
        assert part["title"] in result.output
        assert part["disagreement"] is None or part["disagreement"] in result.output
    assert compared[0]["limit"]["share_of_ours"] > 0
    assert document["machine"]["torch"] == torch.__version__


@pytest.mark.slow
def test_a_part_measured_again_leaves_the_others_as_they_were(small, directory, tmp_path):
    path = tmp_path / "bench.json"
    for name in ("start", "detection", "start"):
        result = bench(directory, tmp_path, "--json", path, "--part", name)
        assert result.exception is None, result.output
        document = json.loads(path.read_text(encoding="utf-8"))
        if name == "detection":
            (before,) = (part for part in document["parts"] if part["title"].startswith("detect"))
    assert [part["title"].split(":")[0] for part in document["parts"]] == ["start", "detection"]
    assert document["parts"][1] == before


@pytest.mark.slow
@pytest.mark.parametrize("has_it", [True, False])
def test_bfloat16_is_measured_where_the_processor_has_it(
    has_it, small, directory, tmp_path, monkeypatch
):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": has_it})
    result = bench(directory, tmp_path, "--json", tmp_path / "bench.json", "--part", "answers")
    assert result.exception is None, result.output
    document = json.loads((tmp_path / "bench.json").read_text(encoding="utf-8"))
    (answers,) = document["parts"]
    assert ("headclaims, bfloat16" in answers["ways"]) == has_it
    told = [note for note in answers["notes"] if note.startswith("bfloat16 gives ")]
    assert len(told) == has_it


@pytest.mark.slow
def test_values_that_differ_are_an_error_and_ways_that_cannot_run_are_named(
    small, directory, tmp_path, monkeypatch
):
    monkeypatch.setattr(benchmark.sweeps, "bridge_loop", not_known)
    monkeypatch.setattr(benchmark.detection, "free_bytes", lambda: 1_000_000)
    ours = benchmark.sweeps.by_engine
    monkeypatch.setattr(
        benchmark.sweeps, "by_engine", lambda *given: [1.001 * nll for nll in ours(*given)]
    )
    result = bench(directory, tmp_path, "--part", "sweep", "--part", "detection")
    assert "values must agree, and do not: sweep" in str(result.exception)
    assert "TransformerBridge loop: not run (NotImplementedError: no such arch" in result.output
    assert "eager output_attentions: not run, its matrices take" in result.output


def test_ways_take_turns_and_long_ones_say_that_they_have_ended(monkeypatch, capsys):
    monkeypatch.setattr("experiments.bench.timing.TOLD", 0.0)
    order = []

    def way(name):
        def run():
            order.append(name)
            return name

        return run

    ways = {name: way(name) for name in "ab"}
    timings = interleaved(ways, 3)
    assert order == ["a", "b"] * 3
    assert {name: timing.value for name, timing in timings.items()} == {"a": "a", "b": "b"}
    assert all(len(timing.seconds) == 3 for timing in timings.values())
    told = capsys.readouterr().err.splitlines()
    assert [re.sub(r"\d+\.\d s, ", "", line) for line in told] == [
        f"{name}: {number} of 3" for number in (1, 2, 3) for name in "ab"
    ]


def test_heads_are_sampled_evenly(directory):
    assert spread(30, 6) == [0, 6, 12, 17, 23, 29]
    assert spread(9, 2) == [0, 8]
    assert spread(9, 1) == [4]
    assert spread(2, 5) == [0, 1]
    grid = load_model(model_spec(str(directory))).grid
    assert sampled_heads(grid, 2, 1) == [Head(0, 8), Head(7, 8)]


def test_the_limit_counts_what_a_head_changes_and_nothing_else(directory):
    loaded, tokens = load_model(model_spec(str(directory))), 10
    # hidden 64, 16 heads of 4, 8 key-value heads, inner 48, vocabulary 258, 8 layers.
    attention = 2 * tokens * (64 * 64 + 2 * 64 * 32) + 2 * tokens * tokens * 64
    projection, mlp, unembedding = (2 * tokens * size for size in (64 * 64, 3 * 64 * 48, 64 * 258))
    layer = attention + projection + mlp
    last = limit_of(loaded, [Head(7, 3)], tokens).flops
    # All layers before it once, attention of its own, its own rows of W_O, and what lies behind.
    expected = 7 * layer + attention + projection / 16 + mlp + unembedding
    assert last == pytest.approx(expected, rel=0.01)
    first = limit_of(loaded, [Head(0, 3)], tokens).flops
    assert first == pytest.approx(expected, rel=0.01)
    both = limit_of(loaded, [Head(0, 3), Head(0, 4)], tokens).flops
    shared = attention
    assert both == pytest.approx(2 * expected - shared, rel=0.01)


@pytest.mark.slow
def test_the_parts_of_an_accelerator_run_on_tiny_models(monkeypatch):
    monkeypatch.setattr(gpu, "MODES", gpu.MODES[:1])
    exactness, halving, several, detection, answers = gpu_benchmark("cpu", QUICK_GPU)
    assert (exactness.agrees, exactness.disagreement) == (True, "0 of 216 answers differ")
    assert "only CUDA's memory" in halving.notes[0]
    assert "only CUDA shares" in several.notes[0]
    assert list(detection.ways) == ["headclaims"]
    assert list(answers.ways) == ["headclaims", "generate under pre-hooks"]
    assert answers.document()["answers_that_differ"] == 0
    assert any("s an answer" in note for note in answers.notes)


def test_what_there_is_no_time_for_is_said_to_be_left_out(monkeypatch):
    monkeypatch.setattr(gpu, "TINY", {})
    size = replace(QUICK_GPU, lengths=(128, 256), seconds=0.0)
    *_, first, second = gpu_benchmark("cpu", size)
    assert (first.ways, first.notes, second.notes[0]) == (
        {},
        ["not run: no time was left"],
        *first.notes,
    )


def test_an_accelerator_that_is_not_there_is_one_line(tmp_path):
    result = CliRunner().invoke(bench_command, ["--device", "cuda:9", "--quick"])
    assert isinstance(result.exception, InvalidInput)
    assert "cuda:9" in str(result.exception)
    result = CliRunner().invoke(bench_command, ["--device", "cuda", "--model", "gpt2"])
    assert (result.exit_code, "without --model" in result.output) == (2, True)
