"""How far the processes of a run are, read from their journals."""

import json
import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

MOST_NAMED = 8
"""Processes that are shown one by one; of more, what each machine does."""


@dataclass
class _Work:
    """What a process is at: units that it computes together, or one that it waits for.

    Attributes:
        text: what that is.
        since: when it began.
        left: the units that are not done.
        last: when the last one was, or it began.
    """

    text: str
    since: float
    left: set[str]
    last: float


@dataclass
class Progress:
    """What the journals in ``folder`` say so far.

    Attributes:
        folder: of the journals, see ``experiments.store.watch``.
    """

    folder: Path
    _read: dict[Path, int] = field(default_factory=dict)
    _known: dict[int, str | bool] = field(default_factory=dict)
    """Unit -> its kind while it is missing; then whether this run stored it, or found it. All that
    is kept of a unit that is done, of which there may be millions."""
    _doing: dict[str, _Work] = field(default_factory=dict)
    _holder: dict[str, str] = field(default_factory=dict)
    _lacking: Counter[str] = field(default_factory=Counter)
    _done: Counter[bool] = field(default_factory=Counter)
    _seconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    _timed: Counter[str] = field(default_factory=Counter)
    _stored_by: Counter[str] = field(default_factory=Counter)
    _since: dict[str, float] = field(default_factory=dict)

    def update(self) -> None:
        """Reads what has been added since; a line that is half written is left for later."""
        for path in sorted(self.folder.glob("*.jsonl")):
            with path.open("rb") as file:
                file.seek(self._read.get(path, 0))
                data = file.read()
            whole = data.rfind(b"\n") + 1
            self._read[path] = self._read.get(path, 0) + whole
            for line in data[:whole].splitlines():
                self._take(json.loads(line))

    def _take(self, line: Mapping[str, Any]) -> None:
        who, event, units, at = (line[key] for key in ("who", "event", "units", "time"))
        digests = {digest for digest, _, _ in units}
        if event in ("started", "waiting"):
            self._since.setdefault(_machine(who), at)
        if event == "wanted":
            self._want(units)
        elif event == "started":
            of = f" and {len(units) - 1} more" if len(units) > 1 else ""
            self._doing[who] = _Work(f"{units[0][2]}{of}", at, digests, at)
            self._holder.update(dict.fromkeys(digests, who))
        elif event == "waiting":
            holder = self._holder.get(units[0][0])
            by = f" of {holder}" if holder and holder != who else ""
            text = f"waits for {units[0][2]}{by}"
            self._doing[who] = _Work(text, at, digests, at)
        elif event == "stored":
            self._have(digests, stored=True)
            self._stored_by[_machine(who)] += len(digests)
            self._finish(who, units[0][1], digests, at)
        elif event == "resumed":
            self._doing.pop(who, None)
        else:
            self._have(digests, stored=False)

    def _want(self, units: Sequence[tuple[str, str, str]]) -> None:
        for digest, kind, _ in units:
            if (unit := _short(digest)) not in self._known:
                self._known[unit] = kind
                self._lacking[kind] += 1

    def _have(self, digests: set[str], *, stored: bool) -> None:
        for digest in digests:
            unit = _short(digest)
            before = self._known.get(unit)
            if before in (True, stored):
                continue
            if isinstance(before, str):
                self._lacking[before] -= 1
            elif before is not None:
                self._done[before] -= 1
            self._known[unit] = stored
            self._done[stored] += 1

    def _finish(self, who: str, kind: str, digests: set[str], at: float) -> None:
        for digest in digests:
            self._holder.pop(digest, None)
        work = self._doing.get(who)
        if work is None:
            return
        # Of units that are computed together, the first that is stored has taken all the time.
        self._seconds[kind] += at - work.last
        self._timed[kind] += len(digests)
        work.last = at
        work.left -= digests
        if not work.left:
            del self._doing[who]

    @property
    def computed(self) -> int:
        """How many results this run has stored."""
        return self._done[True]

    @property
    def from_store(self) -> int:
        """How many it has found."""
        return self._done[False]

    @property
    def missing(self) -> list[str]:
        """The kinds of the results that are wanted and not there yet."""
        return list(self._lacking.elements())

    def seconds_left(self) -> float | None:
        """From what units of each kind have taken; None where a kind has not been measured."""
        kinds = {kind: number for kind, number in self._lacking.items() if number > 0}
        if not kinds or not all(self._timed[kind] for kind in kinds):
            return None
        each = {kind: self._seconds[kind] / self._timed[kind] for kind in kinds}
        seconds = sum(number * each[kind] for kind, number in kinds.items())
        return seconds / max(1, len(self._doing))

    def line(self) -> str | None:
        """All of it in a line; None where nothing is computed or waited for.

        What is asked for next often depends on what is found: the time is that of what is known.
        """
        if not self._doing:
            return None
        total, now = self.computed + self._lacking.total(), time.time()
        left = self.seconds_left()
        counts = f"{self.computed} of {total} results computed"
        times = "" if left is None else f", {duration(left)} left for these"
        if len(self._doing) > MOST_NAMED:
            return f"{counts}{times} | {self._by_machine(now)}"
        doing = "; ".join(
            f"{f'{who}: ' if who else ''}{work.text} ({duration(now - work.since)})"
            for who, work in sorted(self._doing.items())
        )
        return f"{counts}{times} | {doing}"

    def _by_machine(self, now: float) -> str:
        """How many are at work on each machine, and how fast; the first part of a name is that."""
        at_work = Counter(map(_machine, self._doing))
        return "; ".join(
            f"{f'{machine}: ' if machine else ''}{count} at work, "
            f"{self._stored_by[machine] / max(1.0, now - self._since[machine]):.2g} a second"
            for machine, count in sorted(at_work.items())
        )


def _short(digest: str) -> int:
    """Enough of a digest to tell millions apart, in a fraction of its memory."""
    return int(digest[:15], 16)


def _machine(who: str) -> str:
    """The machine in the name of a worker elsewhere; "" for a process here."""
    return who.rpartition("/")[0]


def duration(seconds: float) -> str:
    """``45 s``, ``3 min 20 s``, ``2 h 5 min``."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
