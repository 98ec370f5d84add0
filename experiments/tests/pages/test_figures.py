"""``headclaims figures``: whole studies as PDF, SVG and PNG with captions, the same each time."""

import re
from xml.etree import ElementTree

import pytest

from experiments.cli.commands.figures import STUDIES
from experiments.judging.stored_evidence import CHECKOUT
from experiments.machine.files.drawing import KINDS, ONE_COLUMN, TWO_COLUMNS
from experiments.pages import figures
from experiments.tests.pages.conftest import CELL

SVG = "{http://www.w3.org/2000/svg}"


def test_the_command_knows_all_studies():
    assert set(figures.STUDIES) == set(STUDIES)
    assert set(figures.COMPUTED_BY) == set(STUDIES) - {"published"}


@pytest.mark.slow
def test_the_same_figures_give_the_same_files(headclaims, tmp_path):
    for folder in ("a", "b"):
        assert headclaims("figures", "published", "-o", folder)[0] == 0
    names = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert {name.rpartition(".")[2] for name in names} == {*KINDS, "txt"}
    for name in names:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name


@pytest.mark.slow
@pytest.mark.parametrize(("style", "widths"), [("paper", {ONE_COLUMN}), ("screen", {7.2})])
def test_figures_are_as_wide_as_a_column_of_a_journal(headclaims, tmp_path, style, widths):
    assert headclaims("figures", "published", "--style", style, "-o", "drawn")[0] == 0
    found = set()
    for path in (tmp_path / "drawn").glob("*.svg"):
        width = ElementTree.parse(path).getroot().attrib["width"]
        found.add(round(float(width.removesuffix("pt")) / 72, 2))
    assert found == widths


def test_text_stays_text_and_fonts_are_embedded(headclaims, tmp_path):
    assert headclaims("figures", "published", "-o", "drawn")[0] == 0
    (svg,) = (tmp_path / "drawn").glob("three_methods.svg")
    texts = [element.text for element in ElementTree.parse(svg).iter(f"{SVG}text")]
    assert "summed attention" in texts
    pdf = svg.with_suffix(".pdf").read_bytes()
    assert b"/FontFile2" in pdf, "an embedded TrueType font"
    assert b"/Type3" not in pdf
    assert b"CreationDate" not in pdf


def test_every_caption_says_n_and_what_its_bars_are(headclaims, tmp_path):
    assert headclaims("figures", "published", "-o", "drawn")[0] == 0
    for path in (tmp_path / "drawn").glob("*.txt"):
        caption = path.read_text(encoding="utf-8")
        assert re.search(r"n = 32 cells", caption)
        assert re.search(r"95% bootstrap intervals", caption)


@pytest.mark.slow
def test_what_is_not_stored_is_named(headclaims, tiny):
    status, _, err = headclaims("figures", "qrhead", "published", "--model", tiny, *CELL)
    assert status == 2
    assert "pytest -k qrhead computes them" in err
    assert err.count("\n") == 1


@pytest.mark.slow
def test_what_is_stored_of_a_model_is_drawn(headclaims, tiny, computed, tmp_path):
    status, _, err = headclaims("figures", "qrhead", "published", "--model", tiny, *CELL)
    assert status == 0, err
    (caption,) = (tmp_path / "figures").glob("*_curves.txt")
    text = caption.read_text(encoding="utf-8")
    assert "1 cells of 4 filings each" in text
    assert "95% Wilson intervals" in text


@pytest.mark.model
@pytest.mark.parametrize(
    ("study", "picture", "n"),
    [
        ("qrhead", "smollm2_curves", "4 cells of 16 filings each"),
        ("methods", "smollm2_methods", "n = 64 answers about 16 companies"),
        ("exp10", "exp10b_zipf", "n = 270 heads"),
    ],
)
def test_the_shipped_evidence_is_drawn(headclaims, tmp_path, study, picture, n):
    bundle = ("--bundle", str(CHECKOUT / "baselines/evidence/smollm2.zip"))
    status, _, err = headclaims("figures", study, *bundle, "-o", "drawn")
    assert status == 0, err
    drawn = tmp_path / "drawn"
    names = {path.stem for path in drawn.iterdir()}
    assert any(picture in name for name in names)
    for name in names:
        assert {path.suffix for path in drawn.glob(f"{name}.*")} == {".pdf", ".svg", ".png", ".txt"}
        assert n in (drawn / f"{name}.txt").read_text(encoding="utf-8")
        svg = ElementTree.parse(drawn / f"{name}.svg").getroot()
        assert round(float(svg.attrib["width"].removesuffix("pt")) / 72, 2) in (
            ONE_COLUMN,
            TWO_COLUMNS,
        )
