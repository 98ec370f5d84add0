"""Files of paragraphs that a user may hand over."""

import json
import re
from pathlib import Path
from typing import Any

from ablation.errors import InvalidInput
from experiments.machine.files.json_files import read_text


def read_paragraphs(path: Path) -> list[str]:
    """The paragraphs in ``path``: JSON, or text with blank lines between them.

    JSON is a list of texts, or a line for each (JSON lines); a text may stand under the key
    ``text`` of an object.

    Raises:
        ResultsError: the file cannot be read, or is no text.
        InvalidInput: there is none, or the JSON is something else.
    """
    text = read_text(path)
    entries = _json_entries(text)
    found = re.split(r"\n[^\S\n]*\n", text) if entries is None else [_text(one) for one in entries]
    if None in found:
        raise InvalidInput(
            f"{path}: a JSON list of texts is required, one a paragraph, or a JSON text in each "
            'line; a text may also be {"text": "…"}'
        )
    paragraphs = [one.strip() for one in found if one is not None and one.strip()]
    if not paragraphs:
        raise InvalidInput(f"{path} holds no paragraph: write blank lines between them")
    return paragraphs


def _json_entries(text: str) -> list[Any] | None:
    """What a JSON list holds, or the lines of JSON lines; None for plain text."""
    try:
        whole = json.loads(text)
    except (ValueError, RecursionError):
        pass
    else:
        return whole if isinstance(whole, list) else [whole]
    lines = [line for line in text.splitlines() if line.strip()]
    if not all(line.lstrip()[0] in '{"' for line in lines):
        return None
    try:
        return [json.loads(line) for line in lines]
    except (ValueError, RecursionError):
        return None


def _text(entry: Any) -> str | None:
    text = entry.get("text") if isinstance(entry, dict) else entry
    return text if isinstance(text, str) else None
