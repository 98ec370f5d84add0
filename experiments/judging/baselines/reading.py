"""Reads the JSON of a baseline, strictly: what it says twice or cannot say is refused."""

import json
from pathlib import Path

from ablation.assets.bounded_files import read_bytes
from experiments.judging.baselines.comparison import require_json

LARGEST_BASELINE = 500_000
"""Bytes, a hundred times those of the largest of ours: each value of both documents is compared."""


def read_baseline(path: Path) -> object:
    """The document in ``path``.

    Raises:
        OSError: it cannot be read.
        ValueError: it is larger than any baseline, not UTF-8, or as ``parse_document``.
    """
    return parse_document(read_bytes(path, LARGEST_BASELINE).decode("utf-8"))


def parse_document(text: str) -> object:
    """Read JSON more strictly than ``json.loads``.

    Raises:
        ValueError: not JSON; nested too deeply; NaN or an infinity; or a key twice in one object,
            as a merge can leave it (the parser would silently keep the last).
    """

    def refuse(constant: str) -> object:
        raise ValueError(f"it holds {constant}")

    def unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
        items = dict(pairs)
        if len(items) < len(pairs):
            raise ValueError("it holds a key twice")
        return items

    try:
        document = json.loads(text, parse_constant=refuse, object_pairs_hook=unique)
        require_json(document)  # 1e999 is read as infinity
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    return document
