"""``--site``: a model whose heads the user names, through a command and a run of pytest."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SITE = "attention=self_attn,projection=o_proj"
SMALL = ("--tokens", 200, "--synthetic", 6)


@pytest.mark.slow
def test_results_of_a_site_say_so_and_are_no_others(headclaims, tiny, tmp_path):
    words = ("ablate", "--model", tiny, "--question", "inc_state", *SMALL, "--levels", 2)
    assert headclaims(*words)[0] == 0
    plain = {path.name for path in (tmp_path / "store/documents").rglob("*.json")}
    assert headclaims(*words, "--site", SITE)[0] == 0
    (results,) = (tmp_path / "results/phase3/qrhead").glob("*/inc_state/tokens_200.json")
    assert json.loads(results.read_text(encoding="utf-8"))["provenance"]["site"] == SITE
    of_site = [p for p in (tmp_path / "store/documents").rglob("*.json") if p.name not in plain]
    assert len(of_site) == len(plain)
    for path in of_site:
        assert json.loads(path.read_text(encoding="utf-8"))["key"]["site"] == SITE


@pytest.mark.slow
def test_a_run_of_pytest_says_whose_heads_it_took(tiny, tmp_path):
    findings = tmp_path / "claims.json"
    words: list[object] = ["experiments/qrhead", "-k", "contribution", "-q", "--model", tiny]
    words += [*SMALL, "--site", SITE, "--store", tmp_path / "store", "--claims-json", findings]
    command = [sys.executable, "-m", "pytest", *map(str, words), "-p", "no:xdist"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    document = json.loads(findings.read_text(encoding="utf-8"))
    assert [claim["verdict"] for claim in document["claims"]] == ["REPRODUCED"]
    assert f"--site={SITE}" in document["options"]
