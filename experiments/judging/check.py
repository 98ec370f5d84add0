"""What is known of a planted model beforehand, and what the suite says of it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Check:
    """One thing that is known of a planted model.

    Attributes:
        asked: what is checked, one line.
        found: what the suite says of it.
        right: whether that is so.
    """

    asked: str
    found: str
    right: bool
