"""What ``headclaims baselines diff`` finds in a checkout of its own."""

import json
import subprocess

import pytest

from ablation.errors import InvalidInput, ResultsError
from experiments.judging.baselines.changed import changed_baselines
from experiments.tests.pages.report.made_up import claim

FINDING = {"part": "50", "of": "", "estimate": 0.25, "interval": [0.1, 0.4], "n": 16, "p": 0.02}
CLAIM = {"id": "A1", "tier": "embedded", "model": "smollm2", "verdict": "REPRODUCED"}


def evidence(verdict="REPRODUCED", **changed):
    finding = {**FINDING, "verdict": verdict, **changed}
    return {"schema": 1, "claims": [{**CLAIM, "verdict": verdict, "parts": [finding]}]}


def git(root, *words):
    who = ("-c", "user.name=n", "-c", "user.email=e@example.org", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *who, *words], cwd=root, check=True, capture_output=True)


@pytest.fixture
def checkout(tmp_path):
    """A checkout with two baselines and evidence; call it to write into one of its files."""

    def write(name, document):
        path = tmp_path / "baselines" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(document), encoding="utf-8")
        return tmp_path

    write("study/one.json", {"drop": 0.5, "heads": "L1H2", "provenance": {"cpu": "A"}})
    write("study/two.json", {"drop": 0.1})
    write("claims/embedded.json", evidence())
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "baselines")
    git(tmp_path, "commit", "-q", "-m", "first")
    return write


def test_nothing_has_changed(checkout):
    root = checkout("study/one.json", {"drop": 0.5, "heads": "L1H2", "provenance": {"cpu": "B"}})
    changed = changed_baselines(root, "HEAD")
    assert (changed.rows, changed.verdicts) == ([], [])


def test_a_figure_is_shown_old_and_new(checkout):
    root = checkout("study/one.json", {"drop": 0.25, "heads": "L1H2"})
    assert changed_baselines(root, "HEAD").rows == [
        ["baselines/study/one.json", "drop", "0.5", "0.25", "-0.25"]
    ]


def test_files_that_are_new_or_gone_are_shown(checkout):
    root = checkout("study/three.json", {"drop": 0.75})
    (root / "baselines/study/two.json").unlink()
    assert changed_baselines(root, "HEAD").rows == [
        ["baselines/study/three.json", "drop", "nothing", "0.75", ""],
        ["baselines/study/two.json", "drop", "0.1", "nothing", ""],
    ]


def test_a_verdict_that_moved_is_said_with_the_figures_behind_it(checkout):
    now = evidence("INCONCLUSIVE", estimate=0.125, interval=[-0.1, 0.4], p=None)
    root = checkout("claims/embedded.json", now)
    changed = changed_baselines(root, "HEAD")
    name = "baselines/claims/embedded.json"
    assert changed.verdicts == [
        f"{name}: A1 embedded smollm2: REPRODUCED → INCONCLUSIVE",
        f"{name}: A1 embedded smollm2 50: REPRODUCED → INCONCLUSIVE",
    ]
    assert changed.rows == [
        [name, "A1 embedded smollm2 50: estimate", "0.25", "0.125", "-0.125"],
        [name, "A1 embedded smollm2 50: interval 0", "0.1", "-0.1", "-0.2"],
        [name, "A1 embedded smollm2 50: p", "0.02", "nothing", ""],
    ]


def test_an_earlier_commit_can_be_named(checkout):
    root = checkout("study/one.json", {"drop": 0.25, "heads": "L1H2"})
    git(root, "commit", "-q", "-a", "-m", "second")
    assert changed_baselines(root, "HEAD").rows == []
    assert len(changed_baselines(root, "HEAD~1").rows) == 1


@pytest.mark.parametrize("revision", ["nowhere", "--help", ""])
def test_a_commit_that_is_none_is_said_so(checkout, revision):
    root = checkout("study/two.json", {"drop": 0.1})
    with pytest.raises(InvalidInput, match="a commit of the checkout .* is required, got"):
        changed_baselines(root, revision)


def test_a_damaged_file_is_said_so(checkout):
    root = checkout("study/two.json", {"drop": 0.1})
    (root / "baselines/study/two.json").write_text('{"drop": NaN}', encoding="utf-8")
    with pytest.raises(ResultsError, match=r"two\.json: JSON is required \(it holds NaN\)"):
        changed_baselines(root, "HEAD")


def test_the_command_shows_what_is_to_be_committed(checkout, headclaims, monkeypatch):
    root = checkout("study/one.json", {"drop": 0.5, "heads": "L1H2"})
    monkeypatch.setattr("experiments.cli.commands.upkeep.baselines.CHECKOUT", root)
    assert headclaims("baselines", "diff") == (0, "no figure of baselines/ differs from HEAD\n", "")
    checkout("study/one.json", {"drop": 0.25, "heads": "L1H2"})
    checkout("claims/embedded.json", evidence("INCONCLUSIVE"))
    status, out, err = headclaims("baselines", "diff")
    assert (status, err) == (0, "")
    figure = next(line for line in out.splitlines() if "study/one.json" in line)
    assert figure.split() == ["baselines/study/one.json", "drop", "0.5", "0.25", "-0.25"]
    assert "embedded.json: A1 embedded smollm2: REPRODUCED → INCONCLUSIVE" in out
    status, _, err = headclaims("baselines", "diff", "no-such-commit")
    assert (status, err.count("\n")) == (2, 1)


def test_a_report_shows_what_has_moved_since_a_commit(checkout, headclaims, monkeypatch, tmp_path):
    checkout("study/one.json", {"drop": 0.25, "heads": "L1H2"})
    root = checkout("claims/embedded.json", evidence("INCONCLUSIVE"))
    monkeypatch.setattr("experiments.judging.stored_evidence.CHECKOUT", root)
    document = {"schema": 1, "claims": [claim()]}
    (tmp_path / "a.json").write_text(json.dumps(document), encoding="utf-8")
    (tmp_path / "no-model").mkdir()
    words = ("--model", "./no-model", "--claims-json", "a.json", "--since", "HEAD")
    status, _, err = headclaims("report", *words)
    assert status == 0, err
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "Figures that are not what was stored at HEAD" in text
    assert '<th scope="row">baselines/study/one.json</th><td>drop</td><td>0.5</td>' in text
    assert "A1 embedded smollm2: REPRODUCED → INCONCLUSIVE" in text
