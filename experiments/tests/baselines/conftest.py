"""A small project with one baseline, for the tests of the plugin."""

import json

import pytest

TEST = """
import json
from pathlib import Path

import pytest

from experiments.judging.baselines.comparison import Tolerance

DATA, PROVENANCE = json.loads(Path(__file__).with_name("figures.json").read_text())
TOLERANCES = {"top.*.correct": Tolerance(1, 0, "one item may tip on another CPU")}

@pytest.mark.baseline("study", "inc_state-512")
def test_figures(json_baseline):
    json_baseline.check(DATA, provenance=PROVENANCE, tolerances=TOLERANCES)
"""

# Only what is under test: another installed plugin may cost half a second a run.
PLUGINS = "-p pytest_datadir.plugin -p pytest_regressions.plugin -p xdist.plugin"


class Project:
    """A project of one test whose figures are in a file, and its one baseline."""

    source = TEST

    def __init__(self, pytester: pytest.Pytester):
        self.pytester = pytester
        self.baselines = pytester.path / "baselines"
        self.baseline = self.baselines / "study" / "inc_state-512.json"
        self.make_conftest()
        pytester.makeini(f"[pytest]\naddopts = --strict-markers -ra {PLUGINS}\n")

    def run(self, *arguments: str, correct: object = 11, heads=("L17H0",), provenance="a", **more):
        figures = {"heads": list(heads), "top": [{"correct": correct, "total": 16}], **more}
        path = self.pytester.path / "figures.json"
        path.write_text(json.dumps([figures, {"machine": provenance}]), encoding="utf-8")
        return self.run_source(TEST, *arguments)

    def run_source(self, source: str, *arguments: str):
        self.pytester.makepyfile(test_case=source)
        return self.pytester.runpytest_inprocess("-p", "no:cacheprovider", *arguments)

    def make_conftest(self, more: str = "", parts=("regeneration", "unused")):
        plugins = [f"experiments.plugin.baseline_files.{part}" for part in (*parts, "fixture")]
        self.pytester.makeconftest(f"pytest_plugins = {plugins}\n{more}")

    def stored(self):
        return json.loads(self.baseline.read_text(encoding="utf-8"))

    def stored_correct(self) -> int:
        return self.stored()["top"][0]["correct"]


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    return Project(pytester)


@pytest.fixture
def settled(project: Project) -> Project:
    """A project whose baseline is stored: 11 correct."""
    project.run().assert_outcomes(failed=1)
    return project
