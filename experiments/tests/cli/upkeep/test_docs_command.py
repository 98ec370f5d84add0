"""``headclaims docs`` on a small checkout of its own: what is stale is named, the rest passes."""

import json
import re
import shutil
import sys

import pytest
from click.testing import CliRunner

from ablation.errors import InvalidInput
from experiments.cli.commands.upkeep.docs import docs_command
from experiments.machine.files.drawing import new_figure
from experiments.pages.readmes import pictures
from experiments.pages.readmes.pages import pages
from experiments.pages.readmes.pictures import Picture, drawn_from
from experiments.pages.readmes.stored import CHECKOUT, EVIDENCE, PUBLICATION

pytest.importorskip("cogapp", reason="needs cog: pip install -e '.[docs]'")

PAGE = """# A page

<!-- [[[cog cog.outl(docs.claims()) ]]] -->
<!-- [[[end]]] -->

![A picture](picture.png) of [a document](document.json)
"""


def draw(document, folder):
    figure, path = new_figure(1, 1), folder / "drawn.png"
    figure.subplots().plot(document["points"])
    folder.mkdir(exist_ok=True)
    figure.savefig(path)
    return [path]


@pytest.fixture
def root(tmp_path, monkeypatch):
    """One page, one picture and the evidence, all of it written by the command."""
    picture = Picture("picture.png", "document.json", draw)
    monkeypatch.setattr(pictures, "PICTURES", (picture,))
    for name in (EVIDENCE["embedded"], EVIDENCE["published"]):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(CHECKOUT / name, tmp_path / name)
    (tmp_path / "README.md").write_text(PAGE, encoding="utf-8")
    (tmp_path / "document.json").write_text('{"points": [1, 2]}', encoding="utf-8")
    assert docs(tmp_path)[0] == 0
    return tmp_path


def docs(root, *options):
    """Exit status and lines of the command in a checkout."""
    result = CliRunner().invoke(docs_command, ["--root", str(root), *options])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output.splitlines()


def replace(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def files(root):
    return {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_what_the_command_wrote_passes_its_check_and_is_not_written_again(root):
    page = (root / "README.md").read_text(encoding="utf-8")
    assert "| **A2** asked these four questions, the model loses the more, " in page
    assert page.startswith(PAGE.partition("<!-- [[[end]]]")[0])
    before = files(root)
    assert docs(root, "--check") == (0, [])
    assert docs(root) == (0, [])
    assert files(root) == before


def test_a_figure_that_was_edited_by_hand_is_a_stale_block(root):
    replace(root / "README.md", "31.2 [22.8, 39.7] points", "41.2 [25.0, 39.7] points")
    before = files(root)
    status, lines = docs(root, "--check")
    assert (status, len(lines)) == (1, 1)
    assert lines[0].startswith("README.md:3: the block cog.outl(docs.claims()) is stale: run `he")
    assert files(root) == before
    assert docs(root) == (0, ["rewritten: README.md"])
    assert docs(root, "--check") == (0, [])


def test_a_block_is_stale_when_its_document_has_changed(root):
    name = EVIDENCE["embedded"]
    document = json.loads((root / name).read_text(encoding="utf-8"))
    document["claims"][1]["verdict"] = "INCONCLUSIVE"
    (root / name).write_text(json.dumps(document), encoding="utf-8")
    assert docs(root, "--check")[0] == 1
    docs(root)
    assert docs(root, "--check") == (0, [])
    assert "39.7] points | INCONCLUSIVE |" in (root / "README.md").read_text(encoding="utf-8")


def test_evidence_of_a_larger_run_is_shown_with_the_verdict_of_a_default_one(root):
    document = json.loads((root / EVIDENCE["embedded"]).read_text(encoding="utf-8"))
    (larger,) = (claim for claim in document["claims"] if claim["id"] == "A2")
    larger["verdict"], larger["parts"][0]["estimate"] = "SIZE_OPEN", 0.1
    path = root / EVIDENCE[PUBLICATION]
    path.write_text(json.dumps({**document, "claims": [larger]}), encoding="utf-8")
    docs(root)
    page = (root / "README.md").read_text(encoding="utf-8")
    assert "| 10.0 [22.8, 39.7] points | SIZE_OPEN | REPRODUCED | REPRODUCED |" in page
    assert "| NOT_REPRODUCED | NOT_REPRODUCED | REPRODUCED |" in page  # A3, of no larger run


@pytest.mark.parametrize("options", [(), ("--check",)])
def test_a_missing_document_is_one_line_with_the_remedy_and_the_block_stays(root, options):
    (root / EVIDENCE["embedded"]).unlink()
    page = (root / "README.md").read_bytes()
    assert docs(root, *options) == (
        1,
        [
            "README.md:3: baselines/claims/embedded-smollm2.json is missing: restore it with git, "
            "or make it with `pytest --claims-json=baselines/claims/embedded-smollm2.json`"
        ],
    )
    assert (root / "README.md").read_bytes() == page


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        ("docs.no_such_block()", "cannot be made (AttributeError: "),
        ("docs.parts('embedded', ['A99'])", "cannot be made (KeyError: 'A99')"),
        ("docs.claims(", "cannot be made (SyntaxError: "),
    ],
)
def test_a_block_that_cannot_be_made_is_one_line(root, code, problem):
    replace(root / "README.md", "docs.claims()", code)
    status, lines = docs(root, "--check")
    assert (status, len(lines)) == (1, 1)
    assert lines[0].startswith(f"README.md:3: the block cog.outl({code})")
    assert problem in lines[0]


def test_a_block_without_an_end_is_named_and_nothing_behind_it_is_lost(root):
    replace(root / "README.md", "<!-- [[[end]]] -->\n", "")
    page = (root / "README.md").read_bytes()
    problem = "README.md:3: the block cog.outl(docs.claims()) has no [[[end]]]: add it"
    assert docs(root, "--check") == (1, [problem])
    assert docs(root) == (1, [problem])
    assert (root / "README.md").read_bytes() == page


def test_a_link_that_leads_nowhere_is_named(root):
    replace(root / "README.md", "(document.json)", "(documents.json#there)")
    last = len((root / "README.md").read_text(encoding="utf-8").splitlines())
    assert docs(root, "--check") == (
        1, [f"README.md:{last}: documents.json is not there: mend the link"]
    )  # fmt: skip


def test_a_claim_whose_verdict_only_the_correction_changed_has_a_line(root):
    name = EVIDENCE["embedded"]
    document = json.loads((root / name).read_text(encoding="utf-8"))
    (claim,) = (claim for claim in document["claims"] if claim["id"] == "A7")
    assert "INCONCLUSIVE" in {part["verdict"] for part in claim["parts"]}
    for part in claim["parts"]:
        part["verdict"] = "REPRODUCED"
    (root / name).write_text(json.dumps(document), encoding="utf-8")
    assert docs(root)[0] == 0


def test_a_picture_is_stale_when_its_document_has_changed(root):
    (root / "document.json").write_text('{"points": [1, 3]}', encoding="utf-8")
    status, lines = docs(root, "--check")
    assert (status, len(lines)) == (1, 1)
    assert lines[0].startswith("picture.png is stale: document.json or its drawing has changed")
    assert docs(root) == (0, ["drawn: picture.png"])
    assert docs(root, "--check") == (0, [])


def test_a_picture_is_stale_when_its_drawing_has_changed(root, monkeypatch):
    newer = Picture("picture.png", "document.json", draw, version=2)
    monkeypatch.setattr(pictures, "PICTURES", (newer,))
    assert docs(root, "--check")[0] == 1
    assert docs(root) == (0, ["drawn: picture.png"])


def test_how_a_document_came_about_makes_no_picture_stale(root):
    text = '{"provenance": {"commit": "abc"}, "points": [1, 2]}'
    (root / "document.json").write_text(text, encoding="utf-8")
    assert docs(root, "--check") == (0, [])


def test_a_picture_without_its_document_is_one_line_with_the_remedy(root):
    replace(root / "README.md", "of [a document](document.json)", "")
    (root / "document.json").unlink()
    line = (
        "picture.png: document.json is missing: restore it with git, or make it with "
        "`headclaims docs --documents`"
    )
    assert docs(root, "--check") == (1, [line])
    assert docs(root) == (1, [line])


@pytest.mark.parametrize("damage", [None, b"no picture"])
def test_a_picture_that_is_lost_or_damaged_is_named_and_drawn_again(root, damage):
    path = root / "picture.png"
    path.unlink()
    if damage:
        path.write_bytes(damage)
    status, lines = docs(root, "--check")
    assert status == 1
    assert lines[-1].startswith("picture.png")
    assert docs(root) == (0, ["drawn: picture.png"])
    assert docs(root, "--check") == (0, [])


def test_a_picture_that_was_drawn_by_other_means_is_stale(root):
    shutil.copy(draw({"points": [1, 2]}, root / "elsewhere")[0], root / "picture.png")
    assert drawn_from(root / "picture.png") is None
    assert docs(root, "--check")[0] == 1


def test_without_cog_it_says_what_to_install(root, monkeypatch):
    monkeypatch.setitem(sys.modules, "cogapp", None)
    result = CliRunner().invoke(docs_command, ["--root", str(root), "--check"])
    assert isinstance(result.exception, InvalidInput)
    assert "requires cog, which is not installed: pip install -c c" in str(result.exception)


def test_check_and_documents_exclude_each_other(root):
    status, lines = docs(root, "--check", "--documents")
    assert status == 2
    assert lines[-1] == "Error: --check writes nothing: give it without --documents"


def test_every_picture_that_a_readme_shows_is_drawn_from_a_document():
    shown = {
        (page.parent / target).resolve().relative_to(CHECKOUT).as_posix()
        for page in pages(CHECKOUT)
        for target in re.findall(r"!\[[^]]*\]\(([^)]+)\)", page.read_text(encoding="utf-8"))
    }
    drawn = {picture.path for picture in pictures.PICTURES}
    assert shown == drawn | set(pictures.SCREENSHOTS)


def test_the_front_page_has_at_most_120_lines():
    page = (CHECKOUT / "README.md").read_text(encoding="utf-8")
    assert len(page.splitlines()) <= 120
