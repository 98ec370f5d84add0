"""Wikitext to prose, one construct at a time, and the embedded text as a whole."""

import bz2
import hashlib
import re
from pathlib import Path

import pytest

from ablation.assets.embedded import wikipedia_prose
from ablation.assets.wikipedia import (
    SHORTEST_PARAGRAPH,
    article_prose,
    articles,
    write_prose,
)
from ablation.errors import AssetError

FILLER = (
    "The aardwolf is a small mammal of eastern and southern Africa, and unlike the hyenas it is "
    "related to it does not hunt large animals at all, but lives on termites."
)
PARAGRAPHS = "\n\n".join([FILLER] * 8)  # long enough to be an article


def _rendered(sentence: str) -> str:
    """Returns what becomes of a sentence at the end of a paragraph that is long enough."""
    prose = article_prose(f"{PARAGRAPHS}\n\n{FILLER} {sentence}")
    last = prose.split("\n")[8:]
    return last[0].removeprefix(FILLER).strip() if last else "dropped"


@pytest.mark.parametrize(
    ("markup", "expected"),
    [
        ("It eats '''''mostly''' at night''.", "It eats mostly at night."),
        ("See the [[Termite mound|mounds]] of [[termite]]s.", "See the mounds of termites."),
        ("It is shy.<ref name=a>A book.</ref><ref name=a /> It digs.", "It is shy. It digs."),
        ("It is shy.{{sfn|Barnes|1995|p=9}}{{citation needed|date=May}}", "It is shy."),
        ("It walks {{convert|1300|mi|km}} a year.", "It walks 1,300 miles a year."),
        ("It walks {{convert|8|to|12|km|mi|abbr=on}}.", "It walks 8 to 12 kilometres."),
        ("About 6&nbsp;kg &ndash; no more.", "About 6 kg – no more."),
        ("About 10<sup>6</sup> of the 2<sup>nd</sup> kind.", "About 10⁶ of the 2nd kind."),
        ("It breathes CO<sub>2</sub>.", "It breathes CO2."),
        ("Its name ({{IPAc-en|a}}; from (old) Dutch) is odd.", "Its name is odd."),
        ("Its name (from Dutch {{lang|nl|aardwolf}}) is odd.",
         "Its name (from Dutch aardwolf) is odd."),
        ("A [http://example.org page] and a note.<!-- check -->", "A page and a note."),
        ("It rests[[File:Den.jpg|thumb|A [[den]].]] by day.", "It rests by day."),
        ("It rests , it seems .", "It rests, it seems."),
        ("Its den is warm.It sleeps there.", "Its den is warm. It sleeps there."),
        # What cannot be written takes its paragraph along.
        ("Its mass is <math>m = 1</math>.", "dropped"),
        ("Its mass is {{some unknown template|12}}.", "dropped"),
        ("Its mass is 10<sup>x</sup>.", "dropped"),
        ("A page: http://example.org/x.", "dropped"),
        ("Its (unbalanced mass is 12.", "dropped"),
        ("These are its names:", "dropped"),
        ("Նրա անունը շատ տարօրինակ է, և ոչ ոք չգիտի, թե ինչու է այդպես կոչվել։ It is so.",
         "dropped"),
    ],
)  # fmt: skip
def test_a_construct_is_rendered_as_a_reader_sees_it(markup: str, expected: str) -> None:
    assert _rendered(markup) == expected


@pytest.mark.parametrize(
    "block",
    [
        f"* {FILLER}",
        f"# {FILLER}",
        f": {FILLER}",
        f"== {FILLER} ==",
        f"{{| class=wikitable\n| {FILLER}\n|}}",
        f"<gallery>\nFile:Den.jpg|{FILLER}\n</gallery>",
        "[[Category:Mammals]]",
        "[[de:Erdwolf]]",
        "{{Infobox animal\n| name = Aardwolf\n| note = " + FILLER + "\n}}",
        FILLER[: SHORTEST_PARAGRAPH - 2] + ".",
    ],
)
def test_what_is_not_a_paragraph_is_dropped(block: str) -> None:
    assert article_prose(f"{PARAGRAPHS}\n\n{block}") == article_prose(PARAGRAPHS)


def test_a_notice_before_a_paragraph_goes_and_the_paragraph_stays() -> None:
    assert article_prose("{{about|the animal}}{{Infobox}}" + PARAGRAPHS) == "\n".join([FILLER] * 8)


def test_sections_that_point_elsewhere_are_skipped_to_the_next_section() -> None:
    page = f"{PARAGRAPHS}\n== See also ==\n{FILLER}\n=== More ===\n{FILLER}\n== Diet ==\n{FILLER}"
    assert article_prose(page) == "\n".join([FILLER] * 9)


def test_an_article_with_little_prose_is_dropped() -> None:
    assert article_prose(FILLER) == ""


def _dump(path: Path, *pages: str) -> Path:
    namespace = 'xmlns="http://www.mediawiki.org/xml/export-0.10/"'
    path.write_bytes(bz2.compress(f"<mediawiki {namespace}>{''.join(pages)}</mediawiki>".encode()))
    return path


def _page(title: str, text: str, ns: int = 0, extra: str = "") -> str:
    return (
        f"<page><title>{title}</title><ns>{ns}</ns>{extra}"
        f"<revision><id>1</id><text>{text}</text></revision></page>"
    )


def test_articles_are_written_in_order_and_redirects_and_other_namespaces_skipped(
    tmp_path: Path,
) -> None:
    dump = _dump(
        tmp_path / "dump.xml.bz2",
        _page("Aardwolf", PARAGRAPHS),
        _page("Earth wolf", PARAGRAPHS, extra='<redirect title="Aardwolf" />'),
        _page("Wikipedia:Help", PARAGRAPHS, ns=4),
        _page("Stub", FILLER),
        _page("Termite", PARAGRAPHS.replace("aardwolf", "termite")),
    )
    assert [title for title, _ in articles(dump)] == ["Aardwolf", "Stub", "Termite"]
    write_prose(dump, tmp_path / "out.txt")
    first, second = (tmp_path / "out.txt").read_text(encoding="utf-8").split("\n\n")
    assert first == "\n".join([FILLER] * 8)
    assert second == first.replace("aardwolf", "termite") + "\n"


def test_a_dump_without_prose_is_an_error(tmp_path: Path) -> None:
    dump = _dump(tmp_path / "dump.xml.bz2", _page("Stub", FILLER))
    with pytest.raises(AssetError, match=r"dump\.xml\.bz2 holds no article with prose"):
        write_prose(dump, tmp_path / "out.txt")


@pytest.mark.model
def test_the_embedded_prose_is_pinned_and_reads_as_prose() -> None:
    prose = wikipedia_prose()
    digest = hashlib.sha256(prose.encode()).hexdigest()
    assert digest == "68d15b32133d7313a5211b35073a299a453dc75bfc3d5a84833c4b82962dca79"
    assert prose.count("\n\n") + 1 == 94
    assert not re.search(r"\[\[|\{\{|<ref|''|  | [,.;] |\( | \)|\(\)", prose)
