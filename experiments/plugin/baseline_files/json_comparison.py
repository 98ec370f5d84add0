"""Compare two JSON documents, field by field, with tolerances that carry their reason.

Everything is equal or it is a difference, unless a pattern gives the field a tolerance:

- A path is the keys and list indices down to a value, joined by dots: ``top.0.correct``.
- A pattern is matched part by part. ``*`` stands for characters within one part (as in
  ``fnmatch``), a part ``**`` for any number of parts, none included: ``top.*.correct`` is that
  field of each entry of one list, ``**.accuracy`` is every accuracy, the outermost included. A dot
  inside a key is written ``?``.
- The first pattern that matches a number applies. One that applies to no number of either document
  is reported: a tolerance that does nothing is a typing error or a field that is gone.
- Without a tolerance types agree too: ``1`` is not ``1.0``, since a count that became a float is
  no longer a count. Under a tolerance numbers compare by value. A boolean is never a number.
"""

import json
import math
import sys
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TypeGuard

from ablation.assets.bounded_files import read_bytes
from ablation.errors import InvalidInput

Parts = tuple[str, ...]

LARGEST_BASELINE = 500_000
"""Bytes, a hundred times those of the largest of ours: each value of both documents is compared."""

# A longer value is cut in messages: the files hold the whole of it.
_RENDERED_LENGTH = 80


@dataclass(frozen=True)
class Tolerance:
    """How far a number may be from its baseline.

    |got − expected| ≤ max(absolute, relative·|expected|)

    Two units in the last place are added, because decimal fractions do not subtract exactly
    (0.8 − 0.7 > 0.1), and one item of ten is to be allowed by ``absolute=0.1``.

    Attributes:
        absolute: in the unit of the field, at least 0.
        relative: as a fraction of the expected value, at least 0.
        reason: why this much may differ, printed whenever it is exceeded.

    Raises:
        InvalidInput: a bound is negative or not finite, both are 0, or no reason is given.
    """

    absolute: float
    relative: float
    reason: str

    def __post_init__(self) -> None:
        for name, bound in (("absolute", self.absolute), ("relative", self.relative)):
            if not (math.isfinite(bound) and bound >= 0):
                raise InvalidInput(f"{name} tolerance must be finite and at least 0, got {bound}")
        if self.absolute == self.relative == 0:
            raise InvalidInput(
                "a tolerance of 0 is no tolerance: leave the field out, it is then compared exactly"
            )
        if not self.reason.strip():
            raise InvalidInput("a tolerance needs a reason: say why the field may differ")

    def allows(self, expected: float, got: float) -> bool:
        bound = max(self.absolute, self.relative * abs(expected))
        return abs(got - expected) <= bound + 2 * math.ulp(max(abs(expected), abs(got)))

    def __str__(self) -> str:
        bounds = [f"± {self.absolute:g}"] if self.absolute else []
        bounds += [f"± {self.relative:g} of the expected value"] if self.relative else []
        return f"tolerance {' or '.join(bounds)}: {self.reason}"


def compare_documents(
    expected: object,
    got: object,
    tolerances: Mapping[str, Tolerance],
    *,
    not_compared: Collection[str] = ("provenance",),
) -> list[str]:
    """The differences between two JSON documents, one readable line each; empty if there are none.

    Args:
        expected: the baseline.
        got: what was computed now.
        tolerances: pattern -> tolerance, see the module; the first pattern that matches applies.
        not_compared: top-level keys that are left out on both sides, present or not.

    Returns:
        ``path: expected X, got Y`` with the tolerance where there is one; keys of either document
        that the other lacks; lists whose lengths differ (their items are then not compared); and
        patterns that applied to no number.

    Raises:
        InvalidInput: one of them is not a JSON document, see ``require_json``.
    """
    require_json(expected)
    require_json(got)
    expected, got = _without(expected, not_compared), _without(got, not_compared)
    applied = {
        _first_match(parts, tolerances)
        for document in (expected, got)
        for parts in _paths_of_numbers(document, ())
    }
    idle = [
        f"{pattern}: this tolerance applies to no number of either document; correct the pattern "
        f"or remove it ({tolerance})"
        for pattern, tolerance in tolerances.items()
        if pattern not in applied
    ]
    return [*_differences(expected, got, (), tolerances), *idle]


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


def require_json(value: object, parts: Parts = ()) -> None:
    """Refuse what JSON cannot hold, or would hold as something else.

    ``json.dumps`` alone would write ``NaN``, which is not JSON, and turn the keys ``1`` and ``"1"``
    into the same one.

    Raises:
        InvalidInput: NaN, an infinity, a whole number beyond those of a float, a key that is not a
            string, or a value of another type than dict, list, tuple, str, int, float, bool and
            None.
    """
    if value is None or isinstance(value, str):
        return
    if isinstance(value, int):
        # Python's have no bound, but a difference from a float must exist.
        if abs(value) > sys.float_info.max:
            raise InvalidInput(f"{_path(parts)}: a whole number beyond 1e308 cannot be compared")
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise InvalidInput(f"{_path(parts)}: a figure must be finite to be stored, got {value}")
    elif isinstance(value, Mapping):
        for key, item in value.items():
            if not isinstance(key, str):
                raise InvalidInput(f"{_path(parts)}: keys must be strings, got {key!r}")
            require_json(item, (*parts, key))
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            require_json(item, (*parts, str(index)))
    else:
        raise InvalidInput(
            f"{_path(parts)}: JSON has no {type(value).__name__}: make it a plain Python value"
        )


def _differences(
    expected: object, got: object, parts: Parts, tolerances: Mapping[str, Tolerance]
) -> Iterator[str]:
    if isinstance(expected, Mapping) and isinstance(got, Mapping):
        for key in [*expected, *(key for key in got if key not in expected)]:
            if key not in got:
                rendered = _render(expected[key])
                yield f"{_path((*parts, key))}: missing key: expected {rendered}, got nothing"
            elif key not in expected:
                rendered = _render(got[key])
                yield f"{_path((*parts, key))}: unexpected key: expected nothing, got {rendered}"
            else:
                yield from _differences(expected[key], got[key], (*parts, key), tolerances)
    elif isinstance(expected, list | tuple) and isinstance(got, list | tuple):
        if len(expected) != len(got):
            yield f"{_path(parts)}: expected {len(expected)} items, got {len(got)}"
            return
        for index, (one, other) in enumerate(zip(expected, got, strict=True)):
            yield from _differences(one, other, (*parts, str(index)), tolerances)
    else:
        line = f"{_path(parts)}: expected {_render(expected)}, got {_render(got)}"
        pattern = _first_match(parts, tolerances)
        if pattern is not None and _is_number(expected) and _is_number(got):
            if not tolerances[pattern].allows(expected, got):
                yield f"{line} ({tolerances[pattern]})"
        elif _kind(expected) is not _kind(got) or expected != got:
            yield line


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _kind(value: object) -> type:
    """The JSON type: subclasses such as ``numpy.float64`` are stored as their base."""
    for kind in (bool, int, float, str, list, dict):
        if isinstance(value, kind):
            return kind
    return list if isinstance(value, tuple) else type(value)


def _paths_of_numbers(value: object, parts: Parts) -> Iterator[Parts]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _paths_of_numbers(item, (*parts, key))
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _paths_of_numbers(item, (*parts, str(index)))
    elif _is_number(value):
        yield parts


def _first_match(parts: Parts, tolerances: Mapping[str, Tolerance]) -> str | None:
    return next((p for p in tolerances if _matches(parts, tuple(p.split(".")))), None)


def _matches(parts: Parts, pattern: Parts) -> bool:
    if not pattern:
        return not parts
    if pattern[0] == "**":
        return any(_matches(parts[skip:], pattern[1:]) for skip in range(len(parts) + 1))
    return bool(parts) and fnmatchcase(parts[0], pattern[0]) and _matches(parts[1:], pattern[1:])


def _without(document: object, keys: Collection[str]) -> object:
    if not isinstance(document, Mapping):
        return document
    return {key: item for key, item in document.items() if key not in keys}


def _path(parts: Parts) -> str:
    return ".".join(parts) or "the document"


def _render(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _RENDERED_LENGTH else f"{text[:_RENDERED_LENGTH]}…"
