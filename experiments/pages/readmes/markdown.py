"""Markdown out of figures: tables, and how figures are written in them."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

from experiments.judging.claim import Scale

_MARKED = re.compile(r"[\\|`*]|<(?=[A-Za-z/!?])|&(?=#|\w+;)|(?<=\])\(")
"""What may be Markdown or HTML; "p < 0.05" is none."""

_SIGN = re.compile(r"(?<![\w.,])-(?=\d)")


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; a cell may hold anything but a line break."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(_escaped(cell) for cell in line)} |" for line in lines)


def bullets(lines: Iterable[str]) -> str:
    """A list."""
    return "\n".join(f"- {line}" for line in lines)


def fenced(lines: Iterable[str]) -> str:
    """Lines as they are."""
    return "\n".join(["```text", *lines, "```"])


def code(name: str) -> str:
    """A name as code."""
    return f"`{name}`"


def with_interval(figure: Any, interval: Sequence[Any] | None, unit: Scale) -> str:
    """A figure in its unit with its interval, as in ``20.3 [12.5, 28.1]``, without the unit's name.

    An interval of one point is that of arithmetic and says nothing: it is left out.
    """
    shown = [figure]
    if interval is not None and interval[0] != interval[1]:
        shown += interval
    first, *ends = _shown([float(one) for one in shown], unit)
    return minus(f"{first} [{', '.join(ends)}]" if ends else first)


def with_unit(text: str, unit: Scale) -> str:
    """A figure and the name of its unit: a word stands apart, a sign does not."""
    return f"{text} {unit}" if str(unit).isalpha() else f"{text}{unit}"


def percent(fraction: float, digits: int = 1) -> str:
    """A fraction in percent."""
    return minus(f"{100 * fraction:.{digits}f}%")


def signed(fraction: float, digits: int = 1) -> str:
    """A change in percent, with its sign."""
    return minus(f"{100 * fraction:+.{digits}f}%")


def minus(text: str) -> str:
    """Writes the sign of negative numbers as such, and leaves hyphens alone."""
    return _SIGN.sub("−", text)


def duration(seconds: float) -> str:
    """Seconds as people say them: ``0.5 s``, ``40 s``, ``10 min 30 s``."""
    if seconds < 60:
        return f"{seconds:.3g} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if rest else f"{minutes} min"


def size(amount: float) -> str:
    """Bytes as GB, or MB below one."""
    return f"{amount / 1e9:.1f} GB" if amount >= 1e9 else f"{amount / 1e6:.0f} MB"


def _shown(figures: Sequence[float], unit: Scale) -> list[str]:
    """Figures in one unit; with a digit more where all are so small that one would say little."""
    if unit in (Scale.POINTS, Scale.PERCENT) and 0 < max(map(abs, figures)) < 0.01:
        return [f"{100 * figure:.2f}" for figure in figures]
    return [unit.show(figure) for figure in figures]


def _escaped(cell: str) -> str:
    return cell.replace("|", "\\|")


def plain(text: str) -> str:
    """Text of others, as it is: nothing in it is Markdown or HTML."""
    return _MARKED.sub(lambda found: f"&#{ord(found[0])};", " ".join(text.split()))
