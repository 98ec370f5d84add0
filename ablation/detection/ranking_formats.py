"""Rankings as others write them, read and written.

- ``study``: JSON, ``{"head_rankings": [{"head": "L14H22", "score": 0.3, "rank": 1}, …]}``, the
  QRHead ablation study's and ours.
- ``qrhead``: ``14-22,13-16,…``, best first, as the configurations of QRHead (arXiv 2506.09944)
  name their heads; or a YAML list of such names, or YAML with that string under ``attn_head_set``.
  There are no scores in it, and rarely all heads.
- ``wu24``: JSON, ``{"14-22": [0.4, 0.1, …], …}``, a list of scores for each head, one a sample, as
  the retrieval-head code (arXiv 2404.15574) saves them. A head's score is their mean.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from ablation.detection import QRHEAD_LIST, QRHEAD_YAML, WU24_SCORES
from ablation.detection.ranking import (
    Entries,
    HeadRanking,
    check_number,
    finite_score,
    ordered,
)
from ablation.errors import InvalidInput, first_line, shortened
from ablation.heads import Head, check_different

LONGEST_YAML = 100_000
"""Characters; all heads of the largest models take 50,000, and reading YAML is slow."""

MOST_BRACKETS = 10
"""Reading takes the square of their depth: half a second for 5,000."""

_KEY = "attn_head_set"
_ALL_HEADS = "full_heads"
_NAME = re.compile(r"(\d{1,4})-(\d{1,4})", re.ASCII)


def read_entries(text: str) -> Entries:
    """The heads of a ranking in any of the formats, best first, with their scores.

    Heads without scores get ordinal ones: as many as there are for the best, 1 for the last.

    Raises:
        InvalidInput: it is none of the formats.
    """
    if text.lstrip().startswith("{"):
        try:
            document = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise InvalidInput(f"not a JSON document ({first_line(error)})") from None
        if "head_rankings" in document:
            return HeadRanking.entries_of(document)
        return ordered(_wu24_entries(document))
    return _listed_entries(text)


def write_entries(entries: Entries, form: str) -> str:
    """The ranking in one of ``RANKING_FORMATS``.

    Those of QRHead lose the scores, and leave out the heads that have one of 0: listed, they would
    pass for found.
    """
    names = ",".join(f"{head.layer}-{head.head}" for head, score in entries if score != 0)
    if form == QRHEAD_LIST:
        return f"{names}\n"
    if form == QRHEAD_YAML:
        return yaml.safe_dump({_KEY: names}, width=2**31)
    if form == WU24_SCORES:
        return json.dumps({f"{head.layer}-{head.head}": [score] for head, score in entries}) + "\n"
    rows = [
        {"head": str(head), "score": score, "rank": rank}
        for rank, (head, score) in enumerate(entries, start=1)
    ]
    return json.dumps({"head_rankings": rows}, indent=1) + "\n"


def _wu24_entries(document: Mapping[str, Any]) -> Entries:
    check_number(document)
    entries = []
    for name, scores in document.items():
        head, where = _head(name), f"head {name!r}"
        if not isinstance(scores, list) or not scores:
            raise InvalidInput(f"{where}: a list of scores is required, got {shortened(scores)}")
        # Divided first, so that the mean of the largest numbers is one, too.
        mean = sum(finite_score(score, where) / len(scores) for score in scores)
        entries.append((head, finite_score(mean, where)))
    return _all_different(entries)


def _listed_entries(text: str) -> Entries:
    if len(text) > LONGEST_YAML:
        raise InvalidInput(
            f"a list of heads takes at most {LONGEST_YAML:,} characters, got {len(text):,}"
        )
    if text.count("[") + text.count("{") > MOST_BRACKETS:
        raise InvalidInput(f"a list of heads needs no more than {MOST_BRACKETS} brackets")
    try:
        # Texts alone: merge keys (<<) double what they are made of in every line.
        document = yaml.load(text, yaml.BaseLoader)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise InvalidInput(f"neither JSON nor YAML ({first_line(error)})") from None
    if isinstance(document, Mapping):
        document = document.get(_KEY)
    if document == _ALL_HEADS:
        raise InvalidInput(
            f"{_ALL_HEADS} means all heads of the model, in no order, and heads in an order are "
            "required: list them, as in 14-22,13-16"
        )
    if isinstance(document, str):
        document = [name.strip() for name in document.split(",")]
    if not isinstance(document, Sequence) or not document:
        raise InvalidInput(
            "a ranking is required: JSON with 'head_rankings' or of scores by head, or heads as "
            f"in 14-22,13-16, alone or under {_KEY}"
        )
    heads = [_head(name) for name in document]
    return _all_different([(head, float(len(heads) - n)) for n, head in enumerate(heads)])


def _head(name: object) -> Head:
    match = _NAME.fullmatch(name) if isinstance(name, str) else None
    if match is None:
        raise InvalidInput(
            f"bad head name {shortened(name)}: write layer and head, both from 0, as in '14-22'"
        )
    return Head(int(match[1]), int(match[2]))


def _all_different(entries: Entries) -> Entries:
    if not entries:
        raise InvalidInput("at least one head must be ranked, got none")
    check_different(head for head, _ in entries)
    return entries
