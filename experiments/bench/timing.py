"""Times several ways to the same values, one after the other, round after round."""

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import click

from experiments.machine.peak_memory import finish, peak_held, reset_peak

TOLD = 5.0
"""Seconds: whoever waits for longer is told what has ended."""


@dataclass(frozen=True)
class Timing:
    """What one way took.

    Attributes:
        seconds: one figure for each round.
        peak_bytes: the most memory that it took beyond what was held before, None where the
            system does not tell.
        value: what it found in the last round.
    """

    seconds: tuple[float, ...]
    peak_bytes: int | None
    value: Any

    @property
    def median(self) -> float:
        """Seconds."""
        return statistics.median(self.seconds)

    def document(self) -> dict[str, Any]:
        """As JSON, without the value."""
        return {
            "seconds": [round(one, 4) for one in self.seconds],
            "median": round(self.median, 4),
            "min": round(min(self.seconds), 4),
            "max": round(max(self.seconds), 4),
            "peak_bytes": self.peak_bytes,
        }


def interleaved(
    ways: Mapping[str, Callable[[], Any]], rounds: int, device: Any = "cpu"
) -> dict[str, Timing]:
    """Runs all ways in turn, ``rounds`` times, so that a noisy neighbour disturbs all alike.

    Memory is that of ``device``; what was begun there has ended when the time is taken. What takes
    long says on stderr that it has ended.
    """
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    peaks: dict[str, list[int]] = {name: [] for name in ways}
    values: dict[str, Any] = {}
    for number in range(1, rounds + 1):
        for name, run in ways.items():
            before = reset_peak(device)
            started = time.perf_counter()
            values[name] = run()
            finish(device)
            seconds[name].append(time.perf_counter() - started)
            if seconds[name][-1] > TOLD:
                click.echo(f"{name}: {seconds[name][-1]:.1f} s, {number} of {rounds}", err=True)
            if before is not None:
                peaks[name].append(peak_held(device) - before)
    return {
        name: Timing(tuple(seconds[name]), max(peaks[name], default=None), values[name])
        for name in ways
    }
