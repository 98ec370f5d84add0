"""``pytest --report`` over a store that holds evidence: the page has it, as the command's has."""

import json
import shutil

import pytest

from experiments.tests.conftest import TINY_TOKENS
from experiments.tests.pages.conftest import CELL
from experiments.tests.pages.report.test_report_command import data_of, part_of
from experiments.tests.plugin.claims_suite import write_suite

CASE = """
    import pytest
    from ablation.stats.interval import Interval
    from experiments.judging.verdict import Evidence

    @pytest.mark.claim("A2")
    def test_drop(judged):
        assert judged(Evidence(0.1, Interval(0.05, 0.2), 16, "companies")).holds
"""


@pytest.mark.slow
@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "-n 2"])
def test_the_page_holds_what_the_store_does(
    pytester, monkeypatch, headclaims, computed_once, tiny, tmp_path, workers
):
    shutil.copytree(computed_once / "store", tmp_path / "store")
    monkeypatch.setenv("HEADCLAIMS_STORE", str(tmp_path / "store"))
    suite = write_suite(pytester, CASE, "report", "progress")
    of_cell = f"--tokens={TINY_TOKENS}", "--synthetic=20"
    monkeypatch.chdir(suite.path)
    result = suite.runpytest_subprocess(f"--model={tiny}", *of_cell, "--report=own.html", *workers)
    assert result.ret == 0
    monkeypatch.chdir(tmp_path)
    text = (suite.path / "own.html").read_text(encoding="utf-8")
    store = ("--store", str(tmp_path / "store"))
    assert headclaims("report", "--model", tiny, *CELL, *store, "-o", "other.html")[0] == 0
    other = (tmp_path / "other.html").read_text(encoding="utf-8")
    (cell,), (of_command,) = data_of(text)["cells"], data_of(other)["cells"]
    assert cell == of_command
    assert part_of(text, "cell-0") == part_of(other, "cell-0")
    assert "Answers lost with top 30" in text  # of A2
    assert "0 results computed, 0 taken from the store" in text
    assert json.dumps(data_of(text)["heads"]) == json.dumps(data_of(other)["heads"])
