"""What a stored result looks like: an envelope of JSON that proves itself whole.

::

    {"schema": 1, "kind": "perplexity", "key": {…}, "result": {…}, "provenance": {…}, "sha256": …}

``key`` says what the result is of; any other key is another result. ``provenance`` says how it came
about, and is never compared. ``sha256`` is of all the rest in canonical form, so that a document
that was cut off or edited is known as such, however it is indented.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from ablation.errors import InvalidInput, ResultsError, first_line

SCHEMA = 1
"""Of the envelope; raised whenever an older headclaims would misread it."""

KIND = re.compile(r"[a-z][a-z0-9_]{0,39}", re.ASCII)
"""What a kind of result may be called: it names folders of a store and files of a bundle."""

_FIELDS = ("kind", "key", "result", "provenance")


class Damaged(ResultsError):
    """A document is not what was stored."""


class TooNew(ResultsError):
    """A document is of a later schema."""


@dataclass(frozen=True)
class WorkUnit:
    """The work that is done at a time, and the result it has: one document of the store.

    Attributes:
        kind: of result, a word in lower case that ``KIND`` matches.
        key: JSON, all that the result depends on.
        label: what it is, for whoever waits for it; no part of what it is called after.

    Raises:
        InvalidInput: the kind is no such word.
    """

    kind: str
    key: Mapping[str, Any]
    label: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        if not KIND.fullmatch(self.kind):
            raise InvalidInput(
                "a kind of result is a letter a to z and up to 39 letters, digits or _ after it, "
                f"got {self.kind[:80]!r}: call it otherwise"
            )

    @cached_property
    def digest(self) -> str:
        """SHA-256 of schema, kind and key: the name of the document."""
        return _sha256({"schema": SCHEMA, "kind": self.kind, "key": dict(self.key)})


@dataclass(frozen=True)
class Document:
    """A result with what it is of and how it came about."""

    unit: WorkUnit
    result: Mapping[str, Any]
    provenance: Mapping[str, Any]

    def text(self) -> str:
        """The document as it is stored.

        Raises:
            ValueError: it holds NaN, infinity or what is no JSON.
        """
        return json.dumps(self._proven(), ensure_ascii=False, indent=1) + "\n"

    def line(self) -> str:
        """The same in one line, without its end.

        Raises:
            ValueError: as ``text``.
        """
        return json.dumps(self._proven(), separators=(",", ":"))

    def _proven(self) -> dict[str, Any]:
        body = {
            "schema": SCHEMA,
            "kind": self.unit.kind,
            "key": dict(self.unit.key),
            "result": dict(self.result),
            "provenance": dict(self.provenance),
        }
        return {**body, "sha256": _sha256(body)}


def parse(data: bytes) -> Document:
    """The document that ``Document.text`` gave.

    Raises:
        TooNew: it is of a later schema than this version knows.
        Damaged: it is anything else.
    """
    try:
        body = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise Damaged(f"not a JSON document ({first_line(error)})") from None
    if not isinstance(body, dict):
        raise Damaged("not a JSON object")
    schema = body.get("schema")
    if not isinstance(schema, int) or isinstance(schema, bool):
        raise Damaged("no schema number: not a result of headclaims")
    if schema > SCHEMA:
        raise TooNew(f"of schema {schema}, and this version reads up to {SCHEMA}")
    claimed = body.pop("sha256", None)
    try:
        actual = _sha256(body)
    except (ValueError, RecursionError) as error:
        raise Damaged(f"not a JSON document ({first_line(error)})") from None
    if claimed != actual:
        raise Damaged("its checksum is not that of its content: cut off or edited")
    if not all(isinstance(body.get(field), str if field == "kind" else dict) for field in _FIELDS):
        raise Damaged(f"it lacks one of {', '.join(_FIELDS)}")
    if not KIND.fullmatch(body["kind"]):
        raise Damaged(f"{body['kind'][:80]!r} is no kind of result")
    return Document(WorkUnit(body["kind"], body["key"]), body["result"], body["provenance"])


def _sha256(value: Any) -> str:
    text = json.dumps(
        value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False
    )
    # A lone surrogate cannot be encoded, but JSON can spell it.
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
