"""``headclaims run --grid``, ``--plan`` and ``--on``: what they take and what they say."""

import re

import pytest

from experiments.tests.conftest import TINY_TOKENS

GRID = """
[qrhead]
models = ["{model}"]
questions = ["inc_state", "inc_year"]
tokens = [{tokens}]
levels = [2, 4]
"""


@pytest.fixture
def grid(tmp_path, tiny):
    path = tmp_path / "grid.toml"
    path.write_text(GRID.format(model=tiny, tokens=TINY_TOKENS), encoding="utf-8")
    return path


def counted(out):
    return {kind: int(n) for n, kind in re.findall(r": (\d+) of kind (\w+) to compute", out)}


@pytest.mark.slow
def test_a_plan_counts_and_computes_nothing_and_a_run_leaves_nothing_to_do(
    headclaims, grid, tmp_path
):
    status, out, err = headclaims("run", "--grid", grid, "--synthetic", 6, "--plan")
    assert (status, err) == (0, "")
    assert "3 tasks; 0 results are stored already" in out
    # Unablated, and two levels of top, uniform and layer-matched heads, of two filings and more.
    planned = counted(out)
    assert planned["answer"] % 7 == 0
    assert not list((tmp_path / "store").rglob("*.json"))
    status, out, _ = headclaims("run", "--grid", grid, "--synthetic", 6)
    assert status == 0
    assert out.count("unablated") == 2
    _, out, _ = headclaims("run", "--grid", grid, "--synthetic", 6, "--plan")
    assert counted(out) == {}
    assert f"{sum(planned.values())} results are stored already" in out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--on", "somewhere"), "--on 'somewhere': local:N"),
        (("--grid", "none"), "grid 'none': it must be one of embedded, paper, or a TOML file"),
        (("--grid", "embedded", "--levels", "5"), "--levels goes without --grid"),
        (("--on", "local:1", "--bias", "keep"), "--bias goes without --on and --plan"),
        (("--on", "local:1", "--device", "auto"), "--device auto goes without --on"),
        (("--plan", "--skip-random"), "--skip-random goes without --on and --plan"),
        (("--cpus-per-worker", "2"), "--cpus-per-worker goes with --on"),
        (("--grid", "x" * 300), "it must be one of embedded, paper, or a TOML file"),
        (("--gpus-per-worker", "-1"), "-1.0 is not in the range x>=0"),
        (("--on", "local:1", "--gpus-per-worker", "nan"), "or whole ones, is required, got nan"),
        (("--on", "local:1", "--gpus-per-worker", "1e-5"), "or whole ones, is required, got 1e"),
        (("--on", "local:1", "--gpus-per-worker", "1.5"), "or whole ones, is required, got 1.5"),
        (("--cpus-per-worker", "0"), "0 is not in the range x>=1"),
    ],
)
def test_bad_input_is_one_line(words, said, headclaims):
    status, _, err = headclaims("run", *words)
    assert status == 2
    assert said in err
    assert err.count("\n") == 1


def test_every_mistake_of_a_grid_has_a_line(headclaims, tmp_path):
    path = tmp_path / "grid.toml"
    path.write_text("[qrhead]\ndraws = 0\nmodles = ['a']\n", encoding="utf-8")
    status, _, err = headclaims("run", "--grid", path)
    assert status == 2
    assert [line.partition(": ")[0] for line in err.splitlines()] == ["Error", "Error"]


def test_levels_beyond_a_models_heads_are_said_before_anything_runs(headclaims, tiny, tmp_path):
    path = tmp_path / "grid.toml"
    path.write_text(f'[qrhead]\nmodels = ["{tiny}"]\nlevels = [60]\n', encoding="utf-8")
    status, _, err = headclaims("run", "--grid", path)
    assert status == 2
    assert err.startswith("Error: model tiny")
    assert "60 ablated heads need as many others as a control" in err
