"""What a regeneration writes and says: old and new figures, and nothing where a verdict moved."""

import json

import pytest

from experiments.plugin.baseline_files.regeneration import changes, elsewhere

SEVERAL = """
import json
from pathlib import Path

import pytest

FIGURES = json.loads(Path(__file__).with_name("figures.json").read_text())

@pytest.mark.parametrize("case", range(6))
@pytest.mark.baseline("study", "case-{case}")
def test_figures(case, json_baseline):
    json_baseline.check({"case": case, "figure": FIGURES[case]}, provenance={})
"""

MOVED = """
import pytest
from experiments.plugin.baseline_files.regeneration import MOVED_VERDICTS

@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session):
    session.config.stash[MOVED_VERDICTS] = ["A1: REPRODUCED → NOT_REPRODUCED"]
"""


@pytest.fixture
def several(project):
    """A project of six cases whose baselines are stored."""

    def run(*arguments, **changed):
        figures = [changed.get(f"case_{case}", 1.5) for case in range(6)]
        path = project.pytester.path / "figures.json"
        path.write_text(json.dumps(figures), encoding="utf-8")
        return project.run_source(SEVERAL, *arguments)

    run("--regen-all").assert_outcomes(passed=6)
    return run


def contents(project):
    return {path.name: path.read_text(encoding="utf-8") for path in project.baselines.rglob("*")}


def files(project):
    return {
        path.name: (path.read_text(encoding="utf-8"), path.stat().st_mtime_ns)
        for path in (project.baselines / "study").iterdir()
    }


@pytest.mark.slow
@pytest.mark.parametrize("workers", [(), ("-n", "4")], ids=["alone", "-n 4"])
def test_force_regen_rewrites_what_differs_and_nothing_else(several, project, workers):
    before = files(project)
    result = several("--force-regen", *workers, case_2=2.0, case_4=1.0)
    result.assert_outcomes(passed=4, failed=2)
    after = files(project)
    rewritten = {name for name in before if before[name] != after[name]}
    assert after.keys() == before.keys()
    assert rewritten == {"case-2.json", "case-4.json"}
    result.stdout.fnmatch_lines(
        [
            "baselines written (2): baselines/study/case-2.json, baselines/study/case-4.json",
            "  baselines/study/case-2.json: figure: 1.5 → 2.0 (+0.5)",
            "  baselines/study/case-4.json: figure: 1.5 → 1.0 (-0.5)",
        ],
        consecutive=True,
    )
    several(*workers, case_2=2.0, case_4=1.0).assert_outcomes(passed=6)


def test_regen_all_rewrites_every_file_under_workers_and_says_what_is_unchanged(several, project):
    before = files(project)
    result = several("--regen-all", "-n", "4", case_2=2.0)
    result.assert_outcomes(passed=6)
    after = files(project)
    assert [name for name in before if before[name][0] != after[name][0]] == ["case-2.json"]
    assert all(before[name][1] != after[name][1] for name in before)
    result.stdout.fnmatch_lines(["  baselines/study/case-0.json: unchanged"])


def test_regeneration_tells_a_new_baseline_from_a_damaged_one(several, project):
    folder = project.baselines / "study"
    (folder / "case-1.json").unlink()
    (folder / "case-2.json").write_text("{", encoding="utf-8")
    several("--regen-all").stdout.fnmatch_lines(
        [
            "  baselines/study/case-1.json: new",
            "  baselines/study/case-2.json: was damaged (*)",
            "  baselines/study/case-3.json: unchanged",
        ],
        consecutive=True,
    )


def test_a_run_that_is_killed_has_rewritten_nothing(several, project):
    before = files(project)
    project.make_conftest("import os\ndef pytest_runtest_teardown(item):\n"
                          "    if '5' in item.name: os._exit(9)\n")  # fmt: skip
    (project.pytester.path / "figures.json").write_text("[2, 2, 2, 2, 2, 2]", encoding="utf-8")
    assert project.pytester.runpytest_subprocess("--regen-all").ret == 9
    assert files(project) == before


@pytest.mark.slow
@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "-n 2"])
def test_where_a_verdict_moved_nothing_is_written_unless_it_is_accepted(several, project, workers):
    before = files(project)
    project.make_conftest(MOVED)
    result = several("--regen-all", *workers, case_2=2.0)
    result.assert_outcomes(passed=6)
    assert result.ret == 1
    result.stdout.fnmatch_lines(
        ["baselines NOT WRITTEN (6): *a verdict moved*say --accept-verdict-change"]
    )
    assert files(project) == before
    result = several("--regen-all", "--accept-verdict-change", *workers, case_2=2.0)
    assert result.ret == 0
    assert files(project) != before


def test_what_only_a_tolerance_lets_pass_is_said_with_where_it_was_made(settled):
    result = settled.run(correct=12)
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(
        [
            "baselines within tolerance (1):",
            "  baselines/study/inc_state-512.json: 1 of its figures differ; made on such a machine",
        ],
        consecutive=True,
    )
    settled.run().stdout.no_fnmatch_line("*within tolerance*")


def test_a_baseline_made_elsewhere_is_known_as_such():
    here = {"cpu": {"name": "EPYC"}, "versions": {"torch": "2.13"}, "threads": 1}
    assert elsewhere(here, here) == "made on such a machine"
    there = {"cpu": {"name": "Xeon"}, "versions": {"torch": "2.13"}, "threads": 4}
    assert elsewhere(there, here) == "made with another cpu.name, threads"
    assert elsewhere({}, here) == "made with another cpu.name, versions.torch, threads"


def test_changes_are_told_figure_by_figure():
    old = {"a": 1, "rows": [{"n": 5, "hit": True}], "gone": "x", "provenance": {"time": 1}}
    new = {"a": 1, "rows": [{"n": 4, "hit": False}], "new": 2.5, "provenance": {"time": 2}}
    assert changes(old, new) == [
        "rows.0.n: 5 → 4 (-1)",
        "rows.0.hit: True → False",
        "gone: x → nothing",
        "new: nothing → 2.5",
    ]
    assert changes(old, old) == ["unchanged"]
    many = changes({"n": [0] * 50}, {"n": [1] * 50})
    assert (len(many), many[-1]) == (21, "… and 30 more")
