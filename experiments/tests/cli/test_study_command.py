"""The command that shows the studies' own figures; its name is in no id here, for -k."""

import subprocess
import sys
from pathlib import Path

import pytest

from experiments.machine.files.drawing import KINDS

ROOT = Path(__file__).parents[3]

COMMAND = "published"
FIGURES = Path("results/figures") / COMMAND
STEMS = ("table_against_files", "three_methods")


def test_it_prints_the_table_beside_the_files(headclaims):
    status, out, err = headclaims(COMMAND, "--no-figures")
    assert (status, err) == (0, "")
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert "top, table 6.8 11.9 17.8 23.5 27.9 30.8" in lines
    assert "top, files 4.0 5.9 15.0 21.4 27.7 30.8" in lines
    assert "random, table 1.3 2.7 4.1 5.5 6.7 7.2" in lines
    assert "random, files 0.8 0.3 1.0 0.1 1.6 1.1" in lines
    assert not Path("results").exists()


def test_it_prints_what_one_draw_can_support(headclaims):
    _, out, _ = headclaims(COMMAND, "--no-figures")
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert "heads shared by two controls of 50, mean 23.5 2.5" in lines
    assert "tested 0 23 409 519 429 145 53 22 85%" in lines
    assert "control 352 320 128 128 96 253 259 64 22%" in lines
    assert "lost 14.7 1.9 0.0 -0.4" in lines


@pytest.mark.slow
def test_it_draws_both_figures_the_same_every_time(headclaims):
    status, out, err = headclaims(COMMAND)
    paths = [FIGURES / f"{stem}.{kind}" for stem in STEMS for kind in KINDS]
    assert (status, err) == (0, "")
    assert out.splitlines()[-len(paths) :] == [f"figure: {path}" for path in paths]
    before = [path.read_bytes() for path in paths]
    headclaims(COMMAND)
    assert [path.read_bytes() for path in paths] == before


def test_a_folder_that_cannot_be_made_is_one_line(headclaims):
    Path("results").write_text("a file", encoding="utf-8")
    status, out, err = headclaims(COMMAND)
    assert (status, out) == (2, "")
    assert err.startswith("Error: results cannot be written to results (")
    assert err.endswith("give another folder with --out\n")
    assert err.count("\n") == 1


def test_a_figure_that_cannot_be_stored_is_one_line(headclaims):
    FIGURES.parent.mkdir(parents=True)
    FIGURES.write_text("a file", encoding="utf-8")
    status, _, err = headclaims(COMMAND)
    assert status == 2
    assert err.startswith(f"Error: {FIGURES}: the result cannot be stored (")
    assert err.count("\n") == 1


@pytest.mark.slow
def test_it_needs_no_torch():
    code = (
        "import sys; from experiments.cli.main import main\n"
        f"try: main(['{COMMAND}', '--no-figures'])\n"
        "finally: assert 'torch' not in sys.modules"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (found.returncode, found.stderr) == (0, "")


@pytest.mark.parametrize("option", ["--help", "-h"])
def test_help_says_where_the_claims_are_judged(option, headclaims):
    status, out, _ = headclaims(COMMAND, option)
    assert status == 0
    assert "pytest -k published" in " ".join(out.split())
