"""An interval of a measured number, and how sure an interval is unless a caller says otherwise."""

from typing import NamedTuple

from ablation.errors import InvalidInput

CONFIDENCE = 0.95


class Interval(NamedTuple):
    """From ``low`` to ``high``, both included, in the unit of what was estimated."""

    low: float
    high: float


def check_confidence(confidence: float) -> None:
    """Refuses what is not a fraction.

    Raises:
        InvalidInput: ``confidence`` is not between 0 and 1, both excluded.
    """
    if not 0 < confidence < 1:
        raise InvalidInput(
            "a confidence between 0 and 1, both excluded, is required, "
            f"got {confidence}: write 0.95 for 95%"
        )
