"""A grid computes all that the claims are judged from: pytest finds it, and computes nothing."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import pytest
from click.testing import CliRunner

from ablation.tests.support.tiny_models import tiny_directory
from experiments.cli.main import cli

ROOT = Path(__file__).parents[3]
OPTIONS = ("--synthetic", "6")
OF_ANSWERS = ("experiments/qrhead", "experiments/methods")
HALVES = 20
"""Perplexities at most where curves are cut in halves, which a plan does not know: 7 were seen."""

TOGETHER = 30
"""Sets of heads at most that a plan counts as removed together by half a ranking: 18 were seen."""

SHARED = 20
"""Answers at most to heads that two methods find, which a plan counts twice: 12 were seen."""

GRID = """
[qrhead]
models = ["{model}"]
tokens = [200]
[methods]
models = ["{model}"]
tokens = [200]
[exp10]
models = ["{of_text}"]
texts = ["{text}"]
"""


def run(*words):
    """In a process of its own, which imports torch and transformers anew."""
    return subprocess.run(
        [sys.executable, "-m", *map(str, words)], cwd=ROOT, capture_output=True, text=True
    )


def here(*words):
    """The command line in this process: its result."""
    with patch.dict(os.environ):
        return CliRunner().invoke(cli, [str(word) for word in words], catch_exceptions=False)


def documents(store):
    """Digest -> document, without how it came about."""
    found = {path.stem: json.loads(path.read_text()) for path in store.glob("documents/*/*/*.json")}
    for body in found.values():
        del body["provenance"], body["sha256"]
    return found


def planned(output):
    """Kind -> how many of it are to compute."""
    found: Counter[str] = Counter()
    for number, kind in re.findall(r": ([\d,]+) of kind (\w+) to compute", output):
        found[kind] += int(number.replace(",", ""))
    return found


def of_single_heads(store, mode):
    """Perplexities with one head ablated."""
    found = []
    for path in sorted(store.glob("documents/perplexity/*/*.json")):
        key = json.loads(path.read_text())["key"]
        if len(key["heads"]) == 1 and key["ablation"]["mode"] == mode:
            found.append(path)
    return found


def how_sure(documents):
    """Digest -> log-probability of an answer, taken out of the documents.

    Its last digit depends on which answers are found at once; the answer does not.
    """
    answers = {digest: body for digest, body in documents.items() if body["kind"] == "answer"}
    return {digest: body["result"].pop("log_probability") for digest, body in answers.items()}


@dataclass(frozen=True)
class Computed:
    """A grid that one process has computed: the command without its store, what was planned."""

    command: tuple
    model: Path
    of_text: Path
    text: Path
    store: Path
    planned: str


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    folder = tmp_path_factory.mktemp("grid")
    # 128 heads: as many are left beside the top 50.
    model = tiny_directory(folder / "tiny", layers=2, heads=64)
    # A text is read in windows of the context; a short one.
    of_text = tiny_directory(folder / "small", layers=2, heads=16, context=256)
    text = folder / "heron.txt"
    text.write_text("The heron fishes in shallow water, and stands still. " * 10, encoding="utf-8")
    grid, store = folder / "grid.toml", folder / "store"
    grid.write_text(GRID.format(model=model, of_text=of_text, text=text), encoding="utf-8")
    command = ("run", "--grid", grid, *OPTIONS)
    plan = here(*command, "--store", store, "--plan")
    assert "0 results are stored already" in plan.output
    computed = here(*command, "--store", store, "--out", folder / "out")
    assert computed.exit_code == 0, computed.output
    assert "/phase3/qrhead/" in computed.output
    return Computed(command, model, of_text, text, store, plan.output)


@pytest.mark.slow
def test_workers_of_a_cluster_give_what_one_process_gives_bit_for_bit(alone, tmp_path):
    pytest.importorskip("ray", reason="needs Ray: pip install -c constraints.txt -e '.[cluster]'")
    # Every other result is there already.
    store = shutil.copytree(alone.store, tmp_path / "store")
    for path in sorted(store.glob("documents/*/*/*.json"))[::2]:
        path.unlink()
    there = documents(store)
    workers = ("--on", "local:2", "--store", store, "--out", tmp_path / "out")
    ran = run("experiments.cli", *alone.command, *workers)
    assert ran.returncode == 0, ran.stderr
    expected, found = documents(alone.store), documents(store)
    computed = [body["kind"] for digest, body in found.items() if digest not in there]
    assert {"answer", "perplexity", "scores"} <= set(computed)
    assert found.keys() == expected.keys()
    sure, as_sure = how_sure(found), how_sure(expected)
    assert sure == pytest.approx(as_sure, rel=1e-3)
    assert [digest for digest in expected if found[digest] != expected[digest]] == []


@pytest.mark.slow
def test_what_a_grid_has_computed_is_judged_without_computing(alone, tmp_path):
    store = shutil.copytree(alone.store, tmp_path / "store")
    stored = Counter(path.parts[-3] for path in store.glob("documents/*/*/*.json"))
    counted = planned(alone.planned)
    assert counted.keys() == stored.keys()
    for kind, count in counted.items():
        fewer, more = SHARED * (kind == "answer"), HALVES * (kind == "perplexity")
        assert count - fewer <= stored[kind] <= count + more
    cells = (*OF_ANSWERS, "--model", alone.model, "--tokens", 200, *OPTIONS)
    sweep = ("experiments/exp10", "--model", alone.of_text, "--text", alone.text)
    for cases in (cells, sweep):
        judged = run("pytest", *cases, "--store", store, "-p", "no:cacheprovider")
        ended = r"results: 0 computed, \d+ taken from the store"
        assert re.search(ended, judged.stdout), judged.stdout
    # A run that was ended in between: what is left is counted beside what is there. Which heads are
    # removed together follows from their ranking in mode zero: without, from one that is made up.
    missing = 0
    for mode, others in (("mean", 0), ("zero", TOGETHER)):
        for path in of_single_heads(store, mode)[::2]:
            path.unlink()
            missing += 1
        left = planned(here(*alone.command, "--store", store, "--plan").output)
        assert left.keys() == {"perplexity"}
        assert missing <= left["perplexity"] <= missing + others
