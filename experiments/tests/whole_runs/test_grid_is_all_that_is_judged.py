"""A grid computes all that the claims are judged from: pytest finds it, and computes nothing."""

import json
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from ablation.tests.support.tiny_models import tiny_directory

ROOT = Path(__file__).parents[3]
OPTIONS = ("--synthetic", "6")
STUDIES = [f"experiments/{name}" for name in ("qrhead", "methods", "exp10")]

GRID = """
[qrhead]
models = ["{model}"]
tokens = [200]
[methods]
models = ["{model}"]
tokens = [200]
[exp10]
models = ["{model}"]
"""


def run(*words):
    return subprocess.run(
        [sys.executable, "-m", *map(str, words)], cwd=ROOT, capture_output=True, text=True
    )


def documents(store):
    """Digest -> document, without how it came about."""
    found = {path.stem: json.loads(path.read_text()) for path in store.glob("documents/*/*/*.json")}
    for body in found.values():
        del body["provenance"], body["sha256"]
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
    store: Path
    planned: str


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    folder = tmp_path_factory.mktemp("grid")
    # 128 heads: as many are left beside the top 50.
    model = tiny_directory(folder / "tiny", layers=2, heads=64)
    grid, store = folder / "grid.toml", folder / "store"
    grid.write_text(GRID.format(model=model), encoding="utf-8")
    command = ("experiments.cli", "run", "--grid", grid, *OPTIONS)
    planned = run(*command, "--store", store, "--plan")
    assert "0 results are stored already" in planned.stdout, planned.stderr
    computed = run(*command, "--store", store, "--out", folder / "out")
    assert computed.returncode == 0, computed.stderr
    assert "/phase3/qrhead/" in computed.stdout
    return Computed(command, model, store, planned.stdout)


@pytest.mark.slow
def test_workers_of_a_cluster_give_what_one_process_gives_bit_for_bit(alone, tmp_path):
    pytest.importorskip("ray", reason="needs Ray: pip install -c constraints.txt -e '.[cluster]'")
    # Every other result is there already: what is left takes a minute.
    store = shutil.copytree(alone.store, tmp_path / "store")
    for path in sorted(store.glob("documents/*/*/*.json"))[::2]:
        path.unlink()
    there = documents(store)
    ran = run(*alone.command, "--on", "local:2", "--store", store, "--out", tmp_path / "out")
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
    stored = len(list(store.glob("documents/*/*/*.json")))
    # What is counted is what is computed, but for the places where curves are cut in halves.
    counted = sum(int(n.replace(",", "")) for n in re.findall(r": ([\d,]+) of", alone.planned))
    assert counted <= stored <= counted + 12 * 4 * 2
    judged = run(
        "pytest", *STUDIES, "--model", alone.model, "--tokens", 200, *OPTIONS, "--store", store,
        "-p", "no:cacheprovider",
    )  # fmt: skip
    assert re.search(r"results: 0 computed, \d+ taken from the store", judged.stdout), judged.stdout
    # A run that was ended in between: what is left is counted beside what is there.
    measured = sorted(store.glob("documents/perplexity/*/*.json"))
    for path in measured[::2]:
        path.unlink()
    planned = run(*alone.command, "--store", store, "--plan")
    (left,) = re.findall(r": ([\d,]+) of kind perplexity to compute", planned.stdout)
    # Where curves are cut in halves is not known before.
    assert 0 <= len(measured[::2]) - int(left.replace(",", "")) <= 12 * 4 * 2
