"""``pytest --report``: a page about a run's own verdicts, through a pytest of its own."""

import json
import re

import pytest

from experiments.tests.plugin.claims_suite import write_suite

CASE = """
    import pytest
    from ablation.stats.interval import Interval
    from experiments.judging.verdict import Evidence

    @pytest.mark.claim("A2")
    def test_drop(judged):
        assert judged(Evidence(0.1, Interval(0.05, 0.2), 16, "companies")).holds
"""


@pytest.fixture
def reported(pytester, monkeypatch, tmp_path, tiny):
    """Runs the suite on a tiny model of which nothing is stored, and gives the page's data."""
    monkeypatch.setenv("HEADCLAIMS_STORE", str(tmp_path / "store"))

    def run(*arguments):
        suite = write_suite(pytester, CASE, "report", "progress")
        result = suite.runpytest_subprocess(f"--model={tiny}", *arguments)
        path = suite.path / "made/report.html"
        if not path.exists():
            return result, None
        found = re.findall('id="data">(.*?)</script>', path.read_text(encoding="utf-8"))
        return result, json.loads(found[0])

    return run


@pytest.mark.slow
@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "-n 2"])
def test_the_page_holds_the_verdicts_of_the_run(reported, workers):
    result, data = reported("--report=made/report.html", *workers)
    assert result.ret == 0
    (row,) = data["forest"]
    assert (row["claim"], row["estimate"], row["verdict"]) == ("A2", 10.0, "REPRODUCED")
    assert data["cells"] == []
    result.stdout.fnmatch_lines(
        ["*= report =*", "made/report.html: *MB", "not in it: tiny-*-inc_state-*: *"]
    )


def test_a_place_that_cannot_be_written_is_refused_before_anything_runs(reported, pytester):
    (pytester.path / "file").write_text("", encoding="utf-8")
    result, data = reported("--report=file/report.html")
    assert (result.ret, data) == (pytest.ExitCode.USAGE_ERROR, None)
    result.stderr.fnmatch_lines(["ERROR: --report*"])


def test_a_run_that_judges_nothing_leaves_the_page_of_another(reported, pytester):
    path = pytester.path / "made/report.html"
    path.parent.mkdir()
    path.write_text("of another run", encoding="utf-8")
    write_suite(pytester, CASE, "report")
    result = pytester.runpytest_subprocess(
        "--report=made/report.html", "-k", "nothing_is_called_so"
    )
    assert result.ret == pytest.ExitCode.NO_TESTS_COLLECTED
    assert path.read_text(encoding="utf-8") == "of another run"
