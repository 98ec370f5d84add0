"""A third study is one folder: registered, collected, judged, with a baseline and a row."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ablation.tests.support.tiny_models import tiny_directory

EXAMPLE = Path(__file__).with_name("example_study")
ROOT = Path(__file__).parents[3]
CONFTEST = """
from experiments.plugin import PLUGINS
pytest_plugins = PLUGINS
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project of somebody else with the example's folder in it, and a tiny model."""
    root = tmp_path_factory.mktemp("project")
    (root / "conftest.py").write_text(CONFTEST, encoding="utf-8")
    (root / "pytest.ini").write_text("[pytest]\naddopts = --import-mode=importlib\n", "utf-8")
    shutil.copytree(EXAMPLE, root / "random_heads", ignore=shutil.ignore_patterns("__pycache__"))
    tiny_directory(root / "tiny", layers=2, heads=64)
    return root


def judge(project, *options):
    """Runs the project's cases: the exit status and what was printed."""
    command = [sys.executable, "-m", "pytest", "random_heads", "-p", "no:cacheprovider", "--store"]
    command += ["store", "--model", "tiny", "--tokens", "200", "--synthetic", "6", *options]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    environment.pop("CI", None)
    done = subprocess.run(
        command, cwd=project, env=environment, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr


def test_the_example_is_short():
    lines = [line for path in EXAMPLE.glob("*.py") for line in path.read_text("utf-8").splitlines()]
    assert len(lines) <= 80


@pytest.mark.slow
def test_a_study_is_collected_judged_and_stored(project):
    status, output = judge(project)
    assert status == 1, output  # the baseline is new: written, and no check
    assert re.search("1 failed, .*1 inconclusive", output)  # tiny models answer nothing right
    assert [path.parent.name for path in project.glob("baselines/*/*.json")] == ["random_heads"]
    (row,) = (line for line in output.splitlines() if line.startswith("C1"))
    assert "own" in row

    status, output = judge(project)
    assert status == 0, output
    assert re.search("1 passed, .*1 inconclusive", output)


@pytest.mark.slow
def test_an_unregistered_study_is_one_line_with_the_remedy(project):
    broken = project / "broken"
    broken.mkdir()
    case = "import pytest\n@pytest.mark.claim('Z9')\ndef test_it(judged):\n    judged(None)\n"
    (broken / "test_claims.py").write_text(case, encoding="utf-8")
    status, output = judge(project, "broken", "--deselect", "random_heads")
    assert status == 1
    assert "got 'Z9': the claims of another study are known once its conftest.py has" in output


def test_an_id_that_exists_is_one_line_with_the_remedy(project):
    taken = project / "taken"
    shutil.copytree(project / "random_heads", taken)
    conftest = taken / "conftest.py"
    text = conftest.read_text("utf-8").replace('"C1"', '"A1"')
    conftest.write_text(text.replace('"random_heads"', '"taken"'), encoding="utf-8")
    status, output = judge(project, "taken")
    assert status not in (0, 1)
    assert "study taken: two claims are called A1: give each an id of its own" in output
