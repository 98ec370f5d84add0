"""What a user can get wrong, as exceptions whose message is one readable line.

Each message says what was required, what came and what to do. The command line and the pytest
plugin print the message alone; anything else that is raised is a bug and keeps its traceback. What
a user should know and nothing need stop for is a ``Notice``.
"""

import reprlib
import warnings
from collections.abc import Sequence


class HeadclaimsError(Exception):
    """Base of every error a user can cause; ``exit_status`` is what the command line ends with."""

    exit_status = 2


class InvalidInput(HeadclaimsError, ValueError):
    """An argument, option or input file is not what was required."""


class Mistakes(InvalidInput):
    """Several of them.

    Attributes:
        lines: one for each.
    """

    def __init__(self, lines: Sequence[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = tuple(lines)


class AssetError(HeadclaimsError, RuntimeError):
    """A pinned asset could not be fetched, verified or stored."""


class Unavailable(HeadclaimsError, RuntimeError):
    """Weights or a text cannot be had here: no model hub, a gated repository, nothing cached."""

    exit_status = 3


class TooSmall(Unavailable):
    """A model is too small for what a claim is about."""


class TooFewHeads(TooSmall):
    """It has not so many heads, and as many to compare them with."""


class ContextTooShort(TooSmall):
    """Its context does not hold a prompt."""

    exit_status = 2


class ComputationError(HeadclaimsError, RuntimeError):
    """The model produced something no figure may be made of, such as NaN logits."""

    exit_status = 4


class ResultsError(HeadclaimsError, RuntimeError):
    """A result could not be written, or a result file cannot be used."""


class Notice(UserWarning):
    """What a user should know: a line of the command line, or of pytest's summary, once."""


def notice(message: str) -> None:
    """Says it."""
    warnings.warn(message, Notice, stacklevel=2)


def shortened(value: object) -> str:
    """A foreign value as part of a message: on one line, and not longer than that."""
    return reprlib.repr(value)


def first_line(error: BaseException) -> str:
    """The first line of a foreign error that says something, at most 300 characters of it."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0][:300] if lines else type(error).__name__
