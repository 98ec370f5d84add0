"""Plain English prose out of a MediaWiki dump: haystack for prompts, text for perplexity.

Running prose is all that is wanted, and there is more of it than anyone needs. So whatever cannot
be written faithfully as text (a formula, an unknown template) takes its whole paragraph with it
rather than leave a hole in a sentence.

What is kept, in the order of the dump, until its end: articles proper (namespace 0, no redirects);
in them the lines that are paragraphs, up to the first section that only points elsewhere (see
also, references, external links ...) and after it; no headings, tables, lists, notes or captions.
A paragraph has at least ``SHORTEST_PARAGRAPH`` characters, an article ``SHORTEST_ARTICLE``.
Paragraphs are separated by one newline, articles by a blank line.
"""

import bz2
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import mwparserfromhell
from mwparserfromhell.nodes import (
    Comment,
    ExternalLink,
    Heading,
    HTMLEntity,
    Node,
    Tag,
    Template,
    Text,
    Wikilink,
)
from mwparserfromhell.wikicode import Wikicode
from tqdm import tqdm

from ablation.errors import AssetError

SHORTEST_PARAGRAPH = 120  # characters; shorter lines are captions and leads of lists
SHORTEST_ARTICLE = 1000  # characters; a disambiguation page leaves less
MOST_FOREIGN = 0.02  # of a paragraph's characters outside of ASCII and common punctuation

UNRENDERED = "\ufffc"  # stands where the page shows something that we do not write
BULLET = "•"
POINTER_SECTIONS = frozenset({
    "see also", "references", "notes", "footnotes", "citations", "sources", "bibliography",
    "further reading", "external links", "works cited", "notes and references",
    "explanatory notes", "gallery", "references and notes", "selected works", "works",
    "filmography", "discography",
})  # fmt: skip
# Notes to the reader or to other editors: nothing of them stands in the sentence.
INVISIBLE_TEMPLATES = re.compile(
    r"(cite |citation|vcite|sfn|efn|refn|harvn|r$|rp$|#tag:ref|anchor$|clarify|when$|who$|which$|"
    r"where$|why$|by whom|according to whom|vague|dubious|better source|page needed|verify|"
    r"failed verification|unreliable|update|full$|qualify evidence|relevance inline|weasel|"
    r"inflation-fn|flagicon|clear$)"
)
# Templates that show one of their arguments: its position.
TEMPLATE_SHOWS = {
    "lang": 1, "transl": -1, "nihongo": 0, "nowrap": 0, "small": 0, "smaller": 0, "vanchor": 0,
    "sc": 0, "abbr": 0, "quote": 0, "us$": 0, "nq": 0,
}  # fmt: skip
TEMPLATE_IS = {
    "'": "'", "'s": "'s", "' \"": "' \"", "nbsp": " ", "spaces": " ", "thinsp": " ", "snd": " – ",
    "spaced ndash": " – ", "ndash": "–", "mdash": "—", "mdashb": "—",
}  # fmt: skip
UNITS = {
    "km": "kilometres", "mi": "miles", "m": "metres", "ft": "feet", "cm": "centimetres",
    "mm": "millimetres", "in": "inches", "kg": "kilograms", "lb": "pounds", "yd": "yards",
    "km2": "square kilometres", "sqkm": "square kilometres", "sqmi": "square miles",
    "acre": "acres", "acres": "acres", "ha": "hectares", "C": "°C", "F": "°F", "K": "K",
    "km/h": "kilometres per hour", "mph": "miles per hour", "nmi": "nautical miles",
    "g": "grams", "t": "tonnes", "ST": "short tons", "L": "litres",
}  # fmt: skip
RANGE_WORDS = {"to": " to ", "-": "–", "–": "–", "and": " and ", "or": " or ", "by": " by "}
DROPPED_TAGS = frozenset({"ref", "references", "table", "gallery", "ol", "ul", "section"})
LIST_TAGS = frozenset({"li", "dd", "dt"})
UNRENDERED_TAGS = frozenset({"math", "source", "syntaxhighlight", "timeline", "score", "pre"})
SUPERSCRIPTS = dict(zip("0123456789+-−n", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻ⁿ", strict=True))
ORDINALS = frozenset({"st", "nd", "rd", "th"})

LEFT_OVER_MARKUP = re.compile(r"\[\[|\]\]|[{}|<>\\¶]|https?:|^[!*#:;=]|__[A-Z]+__")
INNERMOST_PARENTHESES = re.compile(r"\(([^()]*)\)")
CLEAN_UP = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"'{2,}", ""),  # bold and italics
        (r"[\s\u200b\u200e\u200f]+", " "),
        (r"\(\s*[,;:]\s*", "("),
        (r"\s*[,;:]?\s+\)", ")"),
        (r"\(\s+", "("),
        (r"\s*\(\s*\)", ""),
        (r"\s+([,.;:!?])(?=\s|$)", r"\1"),
        (r",(\s*,)+", ","),
        (r"(?<=[a-z]{2})\.(?=[A-Z][a-z])", ". "),
    )
)
PARAGRAPH = re.compile(r"[\"“'(]?[A-Z0-9].*[.!?][\"”')]*", re.DOTALL)
ENGLISH = re.compile(r"[\x20-\x7e–—’‘“”£€°−×…]")


def write_prose(dump: Path, target: Path) -> None:
    """Writes the prose of a bzip2-compressed MediaWiki ``dump`` to the file ``target``.

    Raises:
        AssetError: no article of the dump has any prose.
    """
    # Drawn on a terminal only, and only once it has taken a second.
    bar = tqdm(
        articles(dump), desc="Wikipedia prose", unit=" articles", delay=1, disable=None,
        file=sys.stderr,
    )  # fmt: skip
    kept = [prose for _, markup in bar if (prose := article_prose(markup))]
    if not kept:
        raise AssetError(
            f"{dump.name} holds no article with prose; expected a MediaWiki dump (XML, bzip2)"
        )
    target.write_text("\n\n".join(kept) + "\n", encoding="utf-8", newline="\n")


def articles(dump: Path) -> Iterator[tuple[str, str]]:
    """Yields title and wikitext of each article proper: namespace 0, not a redirect."""
    with bz2.open(dump) as stream:
        for _, element in ElementTree.iterparse(stream):
            if element.tag.rpartition("}")[2] != "page":
                continue
            is_redirect = element.find("{*}redirect") is not None
            if element.findtext("{*}ns") == "0" and not is_redirect:
                title = element.findtext("{*}title") or ""
                yield title, element.findtext("{*}revision/{*}text") or ""
            element.clear()


def article_prose(markup: str) -> str:
    """Returns an article's paragraphs, one a line; empty when too little is left."""
    # Bold and italics are left to CLEAN_UP: unbalanced quotes would derail the parser.
    page = mwparserfromhell.parse(markup, skip_style_tags=True)
    pieces: list[str] = []
    pointing = False
    for node in page.nodes:
        if isinstance(node, Heading):
            title = node.title.strip_code().strip().lower()
            # A subsection of a pointer section points too.
            if node.level <= 2 or title in POINTER_SECTIONS:
                pointing = title in POINTER_SECTIONS
            pieces.append("\n")
        elif not pointing:
            pieces.append(_rendered(node))
    paragraphs = (_paragraph(line) for line in "".join(pieces).split("\n"))
    prose = "\n".join(paragraph for paragraph in paragraphs if paragraph)
    return prose if len(prose) >= SHORTEST_ARTICLE else ""


def _paragraph(line: str) -> str:
    """Returns a line of rendered text cleaned up, or nothing where it is not a paragraph."""
    # At the start of a line stand boxes and notices; the text begins after them.
    line = line.strip().lstrip(UNRENDERED + " ")
    if UNRENDERED in line:
        line = _without_unrendered_asides(line)
    for pattern, replacement in CLEAN_UP:
        line = pattern.sub(replacement, line)
    line = line.strip()
    is_prose = (
        len(line) >= SHORTEST_PARAGRAPH
        and UNRENDERED not in line
        and BULLET not in line
        and line.count("(") == line.count(")")
        and PARAGRAPH.fullmatch(line)
        and not LEFT_OVER_MARKUP.search(line)
        and len(ENGLISH.sub("", line)) <= MOST_FOREIGN * len(line)
    )
    return line if is_prose else ""


def _without_unrendered_asides(line: str) -> str:
    """Drops each parenthesis that holds something unrendered: pronunciations, foreign names."""

    def settle(match: re.Match[str]) -> str:
        return "" if UNRENDERED in match[1] else f"\ue000{match[1]}\ue001"

    count = 1
    while count:
        line, count = INNERMOST_PARENTHESES.subn(settle, line)
    return line.replace("\ue000", "(").replace("\ue001", ")")


def _text(code: Wikicode | None) -> str:
    return "".join(_rendered(node) for node in code.nodes) if code is not None else ""


def _rendered(node: Node) -> str:
    """Returns what a reader of the page sees, as text; ``UNRENDERED`` for what has no text."""
    match node:
        case Text():
            return str(node.value)
        case HTMLEntity():
            return str(node.normalize())
        case Comment():
            return ""
        case Wikilink():
            return _rendered_link(node)
        case ExternalLink():
            return _text(node.title) if node.brackets else UNRENDERED
        case Tag():
            return _rendered_tag(node)
        case Template():
            return _rendered_template(node)
        case _:
            return UNRENDERED


def _rendered_link(link: Wikilink) -> str:
    prefix, colon, _ = str(link.title).strip().partition(":")
    if colon and prefix.lower() in ("file", "image", "category", "media"):
        return ""
    if link.text is not None:
        return _text(link.text)
    # A bare [[de:Titel]] shows in the margin; [[:Category:Art]] and [[s:Title]] are rare.
    return UNRENDERED if colon and " " not in prefix else _text(link.title)


def _rendered_tag(tag: Tag) -> str:
    name = str(tag.tag).strip().lower()
    if name in LIST_TAGS:
        return BULLET
    if name in DROPPED_TAGS:
        return ""
    if name in UNRENDERED_TAGS:
        return UNRENDERED
    if name in ("br", "hr"):
        return " "
    content = _text(tag.contents)
    if name == "sup" and content not in ORDINALS:  # 10 to the 6 must not become 106
        return "".join(SUPERSCRIPTS.get(character, UNRENDERED) for character in content)
    return f"\n{content}\n" if name in ("blockquote", "div", "center", "p") else content


def _rendered_template(template: Template) -> str:
    name = str(template.name).strip().lower()
    if name in TEMPLATE_IS:
        return TEMPLATE_IS[name]
    if INVISIBLE_TEMPLATES.match(name) or name == "citation needed":
        return ""
    arguments = [_text(p.value).strip() for p in template.params if not p.showkey]
    if name == "convert":
        return _rendered_measure(arguments)
    if name in TEMPLATE_SHOWS and len(arguments) > TEMPLATE_SHOWS[name]:
        return arguments[TEMPLATE_SHOWS[name]] if arguments else UNRENDERED
    return UNRENDERED


def _rendered_measure(arguments: list[str]) -> str:
    """Writes ``{{convert|1300|mi|km}}`` as "1,300 miles": the measure, not its conversion."""
    written = ""
    for argument in arguments:
        if re.fullmatch(r"[−-]?[\d,]+(\.\d+)?", argument):
            whole, point, decimals = argument.replace(",", "").partition(".")
            written += (f"{int(whole):,}" if whole.isdigit() else whole) + point + decimals
        elif argument in RANGE_WORDS:
            written += RANGE_WORDS[argument]
        elif argument in UNITS and written:
            return f"{written} {UNITS[argument]}"
        else:
            break
    return UNRENDERED
