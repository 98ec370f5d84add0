"""``headclaims figures``: whole studies as PDF, SVG and PNG with captions, the same each time."""

import re
from xml.etree import ElementTree

import matplotlib
import pytest

from experiments.cli.commands.figures import STUDIES
from experiments.cli.main import main
from experiments.judging.stored_evidence import CHECKOUT
from experiments.machine.files.drawing import KINDS, ONE_COLUMN, TWO_COLUMNS
from experiments.pages import figures
from experiments.tests.pages.conftest import CELL

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """Where the publications' figures were drawn, for paper."""
    folder = tmp_path_factory.mktemp("published")
    with pytest.raises(SystemExit) as ended:
        main(["figures", "published", "--style", "paper", "-o", str(folder)])
    assert ended.value.code == 0
    return folder


def test_the_command_knows_all_studies():
    assert set(figures.STUDIES) == set(STUDIES)
    assert set(figures.COMPUTED_BY) == set(STUDIES) - {"published"}


@pytest.mark.slow
def test_the_same_figures_give_the_same_files(headclaims, published, tmp_path):
    # Without a style, which is as for paper; and with settings of somebody's own.
    settings = {"figure.dpi": 50, "figure.autolayout": True, "savefig.bbox": "tight"}
    with matplotlib.rc_context(settings):
        assert headclaims("figures", "published", "-o", "again")[0] == 0
    names = sorted(path.name for path in published.iterdir())
    assert {name.rpartition(".")[2] for name in names} == {*KINDS, "txt"}
    for name in names:
        assert (tmp_path / "again" / name).read_bytes() == (published / name).read_bytes(), name


def test_figures_are_as_wide_as_a_column_of_a_journal(published):
    assert widths(published) == {ONE_COLUMN}


@pytest.mark.slow
def test_on_a_screen_figures_are_wider(headclaims, tmp_path):
    assert headclaims("figures", "published", "--style", "screen", "-o", "drawn")[0] == 0
    assert widths(tmp_path / "drawn") == {7.2}


def test_text_stays_text_and_fonts_are_embedded(published):
    (svg,) = published.glob("three_methods.svg")
    texts = [element.text for element in ElementTree.parse(svg).iter(f"{SVG}text")]
    assert "summed attention" in texts
    pdf = svg.with_suffix(".pdf").read_bytes()
    assert b"/FontFile2" in pdf, "an embedded TrueType font"
    assert b"/Type3" not in pdf
    assert b"CreationDate" not in pdf


def test_every_caption_says_n_and_what_its_bars_are(published):
    captions = [path.read_text(encoding="utf-8") for path in published.glob("*.txt")]
    assert len(captions) == 2
    for caption in captions:
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
    assert widths(drawn) <= {ONE_COLUMN, TWO_COLUMNS}


def widths(folder):
    """Of a folder's figures, in inches."""
    found = set()
    for path in folder.glob("*.svg"):
        width = ElementTree.parse(path).getroot().attrib["width"]
        found.add(round(float(width.removesuffix("pt")) / 72, 2))
    return found
