"""``pytest --folds``: few filings, each of them tested."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ablation.tests.support.tiny_models import tiny_directory

ROOT = Path(__file__).parents[3]
STUDIES = [ROOT / "experiments" / name for name in ("qrhead", "methods")]
COMPANIES = 4


@pytest.fixture(scope="module")
def judge(tmp_path_factory):
    folder = tmp_path_factory.mktemp("folds")
    tiny_directory(folder / "tiny", layers=2, heads=64)

    def run(*options):
        command = [
            *(sys.executable, "-m", "pytest", *map(str, STUDIES), "-p", "no:cacheprovider"),
            *("--store", str(folder / "store"), "--model", str(folder / "tiny")),
            *("--tokens", "200", "--synthetic", str(COMPANIES), *options),
        ]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        environment.pop("CI", None)
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
        return done.returncode, done.stdout + done.stderr

    return run


@pytest.mark.slow
def test_every_filing_is_tested(judge):
    status, output = judge("-k", "A2 or A7", "--folds", "2")
    assert status == 0, output
    (row,) = (line for line in output.splitlines() if line.startswith("A2 ") and " own " in line)
    assert f"{COMPANIES} companies" in row
    assert "the methods are compared on one split: run without --folds" in output


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "message"),
    [("1", "at least 2 folds are required, got 1"), ("5", "5 folds need as many companies, got 4")],
)
def test_folds_that_cannot_be_are_one_line(judge, number, message):
    status, output = judge("-k", "A2", "--folds", number)
    assert status != 0
    assert message in output
