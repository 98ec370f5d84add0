"""A grid computes all that the claims are judged from: pytest finds it, and computes nothing."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ablation.tests.support.tiny_models import tiny_directory

ROOT = Path(__file__).parents[3]
OPTIONS = ("--synthetic", "6")

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


def judged(model, store, *options):
    ran = run(
        "pytest", "experiments", "-k", "qrhead or methods or exp10", "--model", model,
        "--tokens", 200, *options, "--store", store, "-p", "no:cacheprovider",
    )  # fmt: skip
    assert re.search(r"results: 0 computed, \d+ taken from the store", ran.stdout), ran.stdout


@pytest.mark.slow
def test_workers_of_a_cluster_give_what_one_process_gives_bit_for_bit(tmp_path):
    pytest.importorskip("ray", reason="needs Ray: pip install -c constraints.txt -e '.[cluster]'")
    model = tiny_directory(tmp_path / "tiny", layers=2, heads=64)
    grid, options = tmp_path / "grid.toml", ("--synthetic", "12")
    grid.write_text(GRID.format(model=model), encoding="utf-8")
    found = []
    for name, on in (("alone", ()), ("together", ("--on", "local:2"))):
        ran = run(
            "experiments.cli", "run", "--grid", grid, *options, *on, "--store", tmp_path / name,
            "--out", tmp_path / "out",
        )  # fmt: skip
        assert ran.returncode == 0, ran.stderr
        found.append(documents(tmp_path / name))
    alone, together = found
    assert together.keys() == alone.keys()
    assert [digest for digest in alone if together[digest] != alone[digest]] == []
    assert {"answer", "perplexity", "scores"} <= {body["kind"] for body in alone.values()}
    judged(model, tmp_path / "together", *options)


@pytest.mark.slow
def test_what_a_grid_has_computed_is_judged_without_computing(tmp_path):
    # 128 heads: as many are left beside the top 50.
    model = tiny_directory(tmp_path / "tiny", layers=2, heads=64)
    grid, store = tmp_path / "grid.toml", tmp_path / "store"
    grid.write_text(GRID.format(model=model), encoding="utf-8")
    command = ("experiments.cli", "run", "--grid", grid, *OPTIONS, "--store", store)
    planned = run(*command, "--plan")
    assert "0 results are stored already" in planned.stdout, planned.stderr
    computed = run(*command, "--out", tmp_path / "out")
    assert computed.returncode == 0, computed.stderr
    assert "/phase3/qrhead/" in computed.stdout
    stored = len(list(store.glob("documents/*/*/*.json")))
    # What is counted is what is computed, but for the places where curves are cut in halves.
    counted = sum(int(n.replace(",", "")) for n in re.findall(r": ([\d,]+) of", planned.stdout))
    assert counted <= stored <= counted + 12 * 4 * 2
    judged(model, store, *OPTIONS)
    # A run that was ended in between: what is left is counted beside what is there.
    measured = sorted(store.glob("documents/perplexity/*/*.json"))
    for path in measured[::2]:
        path.unlink()
    planned = run(*command, "--plan")
    (left,) = re.findall(r": ([\d,]+) of kind perplexity to compute", planned.stdout)
    # Where curves are cut in halves is not known before.
    assert 0 <= len(measured[::2]) - int(left.replace(",", "")) <= 12 * 4 * 2
