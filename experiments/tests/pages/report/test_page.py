"""What stands in the page: its policy, charts that are valid, and nothing from elsewhere."""

import base64
import hashlib
import json
import re

import pytest

from ablation.errors import ResultsError
from experiments.pages.report.page import FOLDER, write_page
from experiments.pages.report.report import Differing
from experiments.tests.pages.report.made_up import claim, page, run


@pytest.fixture(scope="module")
def text():
    return page(run(claim()))


def test_only_the_two_scripts_of_the_page_may_run(text):
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)
    policy = policy.replace("&#39;", "'")
    scripts = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    styles = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    assert (len(scripts), len(styles)) == (2, 1)
    hashes = re.findall(r"'sha256-([^']+)'", policy)
    assert hashes == [
        base64.b64encode(hashlib.sha256(of.encode()).digest()).decode()
        for of in (*scripts, *styles)
    ]
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy


def test_baselines_that_differ_stand_beside_the_claims(text):
    row = ("qrhead/a.json", "baseline.correct", "11", "10", "-1")
    differing = Differing("was stored at HEAD~1", [row], ["A1 embedded smollm2: REPRODUCED → <b>"])
    shown = page(run(claim()), differing=differing)
    assert "Figures that are not what was stored at HEAD~1" in shown
    assert all(f">{cell}<" in shown for cell in row)
    assert "A1 embedded smollm2: REPRODUCED → &lt;b&gt;" in shown
    assert "Figures that are not" not in text


def test_the_page_loads_nothing(text):
    outside = re.sub(r"<script.*?</script>", "", text, flags=re.DOTALL)
    assert not re.findall(r"(?:src|href)\s*=\s*[\"'](?!#)", outside)
    assert "url(" not in outside
    assert "@import" not in outside


@pytest.mark.parametrize("path", sorted((FOLDER / "charts").glob("*.json")), ids=lambda p: p.stem)
def test_every_chart_is_valid(path):
    vl_convert = pytest.importorskip("vl_convert")
    described = json.loads(path.read_text(encoding="utf-8"))
    assert described["description"]
    if described.get("width") == "container":
        described["width"] = 300
    assert vl_convert.vegalite_to_vega(described, vl_version="6.1")["marks"]


def test_a_page_that_cannot_be_written_leaves_the_old_one(tmp_path, monkeypatch):
    path = tmp_path / "report.html"
    path.write_text("old", encoding="utf-8")

    def full(self, target):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("pathlib.Path.replace", full)
        with pytest.raises(ResultsError, match="No space left"):
            write_page(path, "new")
    assert path.read_text(encoding="utf-8") == "old"
    write_page(path, "new")
    assert path.read_text(encoding="utf-8") == "new"
    assert [one.name for one in tmp_path.iterdir()] == ["report.html"]
