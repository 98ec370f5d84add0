"""Files of paragraphs that a user may hand over."""

import json
import re
from pathlib import Path

from ablation.errors import InvalidInput
from experiments.json_files import read_text


def read_paragraphs(path: Path) -> list[str]:
    """The paragraphs in ``path``: a JSON list of texts, or text with blank lines between them.

    Raises:
        ResultsError: the file cannot be read, or is no text.
        InvalidInput: there is none, or the JSON is something else.
    """
    text = read_text(path)
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = re.split(r"\n[^\S\n]*\n", text)
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise InvalidInput(f"{path}: a JSON list of texts is required, one a paragraph")
    found = [paragraph.strip() for paragraph in found if paragraph.strip()]
    if not found:
        raise InvalidInput(f"{path} holds no paragraph: write blank lines between them")
    return found
