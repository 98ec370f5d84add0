"""The claim cases themselves on a tiny random model: a researcher's ``--model DIR``."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from ablation.tests.tiny_models import tiny_directory

ROOT = Path(__file__).parents[2]
KINDS = ("ranking", "answers", "noise")
TOKENS = 350
"""A needle cut to the passage around the fact: enough for the plumbing, and quick."""


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """128 heads: 50 random ones are left beside the top 50."""
    return tiny_directory(tmp_path_factory.mktemp("models") / "tiny", layers=2, heads=64)


def judge(model, out, *options):
    """Runs the cases of the experiment in another process, with its own store: its output."""
    command = [sys.executable, "-m", "pytest", "experiments/qrhead", "-q", "--model", model]
    command += ["--tokens", TOKENS, "--synthetic", 6, "--store", out, *options]
    return subprocess.run(
        [str(word) for word in command], cwd=ROOT, capture_output=True, text=True
    ).stdout


def claims(path):
    """The findings of a run, without where they were made."""
    return json.loads(path.read_text(encoding="utf-8"))["claims"]


def test_workers_and_a_single_process_find_the_same_and_compute_each_cell_once(model, tmp_path):
    files = {out: tmp_path / f"{out}.json" for out in ("alone", "together")}
    judge(model, tmp_path / "alone", "-p", "no:xdist", "--claims-json", files["alone"])
    judge(model, tmp_path / "together", "-n", 2, "--claims-json", files["together"])
    found = claims(files["alone"])
    assert [claim["id"] for claim in found] == ["A1", "A2", "A3", "A5"]
    assert [len(claim["parts"]) for claim in found] == [6, 1, 1, 1]
    # Six levels of the uniform control and of four cells; the uniform control of A3.
    assert [len(claim["details"]) for claim in found] == [30, 0, 1, 0]
    assert claims(files["together"]) == found
    for out in files:
        folder = tmp_path / out
        # Per cell: unablated, and six levels of top, uniform and layer-matched heads.
        kinds = {kind: len(list(folder.glob(f"documents/{kind}/??/*.json"))) for kind in KINDS}
        assert kinds == {"ranking": 4, "answers": 4 * 19, "noise": 1}


def test_what_is_said_of_the_embedded_model_only_is_skipped_with_the_reason(model, tmp_path):
    output = judge(model, tmp_path / "out", "-p", "no:xdist", "-k", "answers or baseline", "-rs")
    assert "8 skipped" in output
    assert "a property of the embedded cells" in output
    assert "baselines are kept for registered models" in output
