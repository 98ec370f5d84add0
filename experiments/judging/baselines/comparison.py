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
from typing import TypeGuard

from ablation.errors import InvalidInput

Parts = tuple[str, ...]

# A longer value is cut in messages: the files hold the whole of it.
_RENDERED_LENGTH = 80


@dataclass(frozen=True)
class Difference:
    """What differs between two documents at one place.

    Attributes:
        path: the place.
        expected, got: as JSON, or in words; empty where the message says all.
        change: of a number, with its sign; empty for anything else.
        line: all of it, for people.
    """

    path: str
    expected: str
    got: str
    change: str
    line: str

    @property
    def row(self) -> list[str]:
        """It as the row of a table: figure, old, new, difference."""
        return [self.path, self.expected, self.got, self.change]


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


def differences(
    expected: object,
    got: object,
    tolerances: Mapping[str, Tolerance],
    *,
    not_compared: Collection[str] = ("provenance",),
) -> list[Difference]:
    """The differences between two JSON documents; empty if there are none.

    Args:
        expected: the baseline.
        got: what was computed now.
        tolerances: pattern -> tolerance, see the module; the first pattern that matches applies.
        not_compared: top-level keys that are left out on both sides, present or not.

    Returns:
        Values that differ, with the tolerance where there is one; keys of either document that the
        other lacks; lists whose lengths differ (their items are then not compared); and patterns
        that applied to no number.

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
        Difference(
            pattern,
            "",
            "",
            "",
            f"{pattern}: this tolerance applies to no number of either document; correct the "
            f"pattern or remove it ({tolerance})",
        )
        for pattern, tolerance in tolerances.items()
        if pattern not in applied
    ]
    return [*_differences(expected, got, (), tolerances), *idle]


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
) -> Iterator[Difference]:
    if isinstance(expected, Mapping) and isinstance(got, Mapping):
        for key in [*expected, *(key for key in got if key not in expected)]:
            inner = (*parts, key)
            if key not in got:
                yield _different(inner, _render(expected[key]), "nothing", "missing key: ")
            elif key not in expected:
                yield _different(inner, "nothing", _render(got[key]), "unexpected key: ")
            else:
                yield from _differences(expected[key], got[key], inner, tolerances)
    elif isinstance(expected, list | tuple) and isinstance(got, list | tuple):
        if len(expected) != len(got):
            yield _different(parts, f"{len(expected)} items", str(len(got)))
            return
        for index, (one, other) in enumerate(zip(expected, got, strict=True)):
            yield from _differences(one, other, (*parts, str(index)), tolerances)
    else:
        pattern = _first_match(parts, tolerances)
        numbers = _is_number(expected) and _is_number(got)
        change = _change(expected, got) if numbers else ""  # type: ignore[arg-type]
        one, other = _render(expected), _render(got)
        if pattern is not None and numbers:
            tolerance = tolerances[pattern]
            if not tolerance.allows(expected, got):  # type: ignore[arg-type]
                yield _different(parts, one, other, change=change, why=f" ({tolerance})")
        elif _kind(expected) is not _kind(got) or expected != got:
            yield _different(parts, one, other, change=change)


def _change(expected: float, got: float) -> str:
    try:
        return f"{float(got) - float(expected):+.3g}"
    except OverflowError:  # of whole numbers that no float holds
        return ""


def _different(
    parts: Parts, expected: str, got: str, how: str = "", *, change: str = "", why: str = ""
) -> Difference:
    path = _path(parts)
    line = f"{path}: {how}expected {expected}, got {got}{why}"
    return Difference(path, expected, got, change, line)


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
