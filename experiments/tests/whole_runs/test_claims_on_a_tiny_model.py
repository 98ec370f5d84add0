"""The claim cases themselves on a tiny random model: a researcher's ``--model DIR``."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from ablation.filings.split import split_filings
from ablation.filings.synthetic import synthetic_filings
from ablation.tests.support.tiny_models import tiny_directory

ROOT = Path(__file__).parents[3]
FILINGS = 6
TOKENS = 200
"""A needle cut to the passage around the fact: enough for the plumbing, and quick."""

SAYS_IMPORTS = ("-p", "experiments.tests.whole_runs.imported")


def imported(output):
    (line,) = (line for line in output.splitlines() if line.startswith("IMPORTED: "))
    return {*line.split()[1:]}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """128 heads: 50 random ones are left beside the top 50."""
    return tiny_directory(tmp_path_factory.mktemp("models") / "tiny", layers=2, heads=64)


def judge(model, out, *options):
    """Runs the cases of the experiment in another process, with its own store: its output."""
    command = [sys.executable, "-m", "pytest", "experiments/qrhead", "-q", "-rs", "--model", model]
    command += ["--tokens", TOKENS, "--synthetic", FILINGS, "--store", out, *options]
    return subprocess.run(
        [str(word) for word in command], cwd=ROOT, capture_output=True, text=True
    ).stdout


def claims(path):
    """The findings of a run, without where they were made."""
    return json.loads(path.read_text(encoding="utf-8"))["claims"]


@pytest.mark.slow
def test_workers_share_the_work_and_a_single_process_finds_it_in_the_store(model, tmp_path):
    store = tmp_path / "store"

    def judged(name, *options):
        """What a run says, its claims, and the documents it leaves, each with when."""
        findings = tmp_path / f"{name}.json"
        output = judge(model, store, *options, "--claims-json", findings)
        documents = {path: path.stat().st_mtime_ns for path in store.glob("documents/*/??/*.json")}
        return output, claims(findings), documents

    _, found, documents = judged("together", "-n", 2)
    assert [claim["id"] for claim in found] == ["A1", "A2", "A3", "A5"]
    assert [len(claim["parts"]) for claim in found] == [6, 1, 1, 1]
    # Six levels of the uniform control and of four cells; the uniform control of A3.
    assert [len(claim["details"]) for claim in found] == [30, 0, 1, 0]
    # Per cell: unablated, and six levels of top, uniform and layer-matched heads.
    kinds = Counter(path.parts[-3] for path in documents)
    splits = split_filings(synthetic_filings(FILINGS).filings)
    asked = [sum(len(filing.facts) for filing in split) for split in splits]
    assert kinds == {"scores": asked[0], "answer": 19 * asked[1], "noise": 1, "contribution": 1}

    output, found_again, documents_again = judged("alone", "-p", "no:xdist", *SAYS_IMPORTS)
    assert imported(output) <= {"scipy.special"}
    assert found_again == found
    assert documents_again == documents
    # What is said of the embedded model only is skipped, with the reason.
    assert "a property of the embedded cells" in output
    assert "baselines are kept for registered models" in output


@pytest.mark.slow
def test_what_a_model_has_too_few_heads_for_is_blocked(tmp_path):
    model = tiny_directory(tmp_path / "few", layers=4, heads=8)
    findings = tmp_path / "claims.json"
    judge(model, tmp_path / "store", "-k", "claims", "--claims-json", findings)
    document = json.loads(findings.read_text(encoding="utf-8"))
    parts = {(one["id"], part["part"]): part for one in document["claims"] for part in one["parts"]}
    blocked = {place for place, part in parts.items() if part["verdict"] == "BLOCKED"}
    levels = {("A1", level) for level in ("20", "30", "40", "50")}
    assert blocked == levels | {("A2", ""), ("A3", "")}
    few = "20 ablated heads need as many others as a control, and the model has 32 heads in all"
    assert parts["A1", "20"]["blocked"] == f"{few}: take a larger model"
    assert not [part for part in parts.values() if "failed" in part.get("blocked", "")]


@pytest.mark.slow
def test_finding_the_cases_imports_nothing_heavy():
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", *SAYS_IMPORTS]
    folders = [f"experiments/{name}" for name in ("exp10", "methods", "published", "qrhead")]
    output = subprocess.run([*command, *folders], cwd=ROOT, capture_output=True, text=True).stdout
    assert "tests collected" in output
    assert not imported(output)
