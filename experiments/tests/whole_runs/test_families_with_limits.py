"""Claims about methods on families that allow not every mode: what they allow is judged."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from ablation.modes import MODES, OTHER_WEIGHTS
from ablation.tests.support.tiny_models import family_directory
from experiments.cells.choices import SCOPES

ROOT = Path(__file__).parents[3]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "heads", "why"),
    [
        ("gpt-oss", {}, "attention weights of the model do not sum to 1 (sinks)"),
        (
            "laguna",
            {"num_attention_heads_per_layer": [36, 40, 32]},
            "a gate of the model stands between attention and z",
        ),
    ],
)
def test_what_a_family_allows_is_judged_and_of_the_rest_is_said_why(name, heads, why, tmp_path):
    model = family_directory(tmp_path / name, name, heads=36, sliding_window=256, **heads)
    findings = tmp_path / "claims.json"
    command = [sys.executable, "-m", "pytest", "experiments/methods", "-q", "--model", model]
    command += ["--tokens", 200, "--synthetic", 6, "--store", tmp_path / "store"]
    command += ["-k", "in_the_mode or zeroed", "--claims-json", findings, "-p", "no:xdist"]
    done = subprocess.run([str(word) for word in command], cwd=ROOT, capture_output=True, text=True)
    assert "Error" not in done.stdout + done.stderr, done.stdout
    found = {claim["id"]: claim for claim in json.loads(findings.read_text("utf-8"))["claims"]}
    verdicts = {part["of"]: part for part in found["A1"]["details"]}
    for mode in MODES:
        for scope in SCOPES:
            part = verdicts[f"mode {mode}, scope {scope}"]
            assert (why in part.get("blocked", "")) == (mode in OTHER_WEIGHTS)
            assert ("estimate" in part) == (mode not in OTHER_WEIGHTS)
    (of_a6,) = found["A6"]["parts"]
    assert of_a6["verdict"] == "INCONCLUSIVE"
    assert why in of_a6["blocked"]
