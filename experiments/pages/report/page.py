"""The page: template, style, scripts and charts of ``page/`` and a report's data in one file.

A browser runs the two scripts that are written here and nothing else: the page's policy names them
by their hashes, allows no connection, and no code made of text. Charts are drawn by Vega-Lite
(BSD-3), which vl-convert-python ships for use without a network: SVG with names for screen readers,
colours of the page's own in light, dark and print, and expressions that are interpreted, so that it
needs no exception from that policy.
"""

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from experiments.machine.files.json_files import storing, write_bytes
from experiments.pages.report.lazy import inline, packed

FOLDER = Path(__file__).parent / "page"

VEGA_LITE = "6.1"
"""Of those that vl-convert ships, the one the charts are written for."""

SYMBOLS = {
    "REPRODUCED": "✓", "SIZE_OPEN": "≈", "DIRECTION_ONLY": "↗", "BLOCKED": "∅",
    "INCONCLUSIVE": "?", "NOT_REPRODUCED": "✗", "INCONSISTENT": "≠",
}  # fmt: skip
"""Beside a verdict's colour."""


def rendered(content: Mapping[str, Any], data: Any, parts: Mapping[str, Any]) -> str:
    """The page.

    Args:
        content: what the template shows, by name.
        data: what the scripts read at once.
        parts: name -> what they load when it is looked at.
    """
    environment = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=visible,
    )
    # Ids of claims are anything that somebody wrote.
    environment.filters["in_address"] = in_address
    style, script, library = _style(), _script(), _library()
    policy = (
        f"default-src 'none'; script-src {_hashed(library)} {_hashed(script)}; style-src "
        f"{_hashed(style)}; base-uri 'none'; form-action 'none'"
    )
    return environment.get_template("report.html.jinja").render(
        **content,
        symbols=SYMBOLS,
        policy=policy,
        # None of these holds text of users: a script ends at the first end mark in it.
        style=Markup(style),
        script=Markup(script),
        library=Markup(library),
        charts=Markup(inline(_charts())),
        data=Markup(inline(data)),
        parts={name: packed(part) for name, part in parts.items()},
    )


def in_address(text: str) -> str:
    """A text as a part of an address; half a surrogate is no text."""
    return quote(text, safe="", errors="replace")


def write_page(path: Path, text: str, option: str = "--out") -> None:
    """Writes the page whole, or leaves what was there.

    Raises:
        ResultsError: it cannot be written; it names ``option`` as the way out.
    """
    with storing(path, option):
        # A path that is no UTF-8 has lone surrogates in it.
        write_bytes(path, text.encode("utf-8", "backslashreplace"))


_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2066-\u206f\ufeff]"
)


def visible(value: Any) -> Any:
    """A text with what nobody sees, or turns the direction of writing, written out."""
    if not isinstance(value, str) or isinstance(value, Markup):
        return value
    return _UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", value)


def _style() -> str:
    return (FOLDER / "report.css").read_text(encoding="utf-8")


def _script() -> str:
    files = sorted((FOLDER / "scripts").glob("*.js"))
    text = "\n".join(path.read_text(encoding="utf-8") for path in files)
    return f'"use strict";\n(() => {{\n{text}\n}})();\n'


@cache
def _library() -> str:
    """Vega, Vega-Lite and vega-embed as one script."""
    from vl_convert import javascript_bundle

    text: str = javascript_bundle(vl_version=VEGA_LITE)
    # Its text stands in a module's place; end marks within its strings would end the element.
    return f"(() => {{\n{text}\n}})();".replace("</script", "<\\/script").replace("<!--", "<\\!--")


def _charts() -> dict[str, Any]:
    return {
        path.stem: json.loads(path.read_text(encoding="utf-8"))
        for path in sorted((FOLDER / "charts").glob("*.json"))
    }


def _hashed(text: str) -> str:
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
