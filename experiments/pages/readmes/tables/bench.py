"""Blocks on times: whole commands and the benchmark's parts, on every machine with a document."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from experiments.pages.readmes.markdown import bullets, code, duration, size, table
from experiments.pages.readmes.stored import Stored

MACHINES = "experiments/bench/machines/*.json"
NOT_MEASURED = "–"
FIRST = (
    "pip install, a new environment",
    "pytest -k published",
    "pytest -k qrhead -n 4, nothing stored",
    "pytest -k qrhead -n 4, everything stored",
    "pytest -m model -n 4, a bundle on a new machine",
    "pytest -k exp10 -n 4, nothing stored",
    "pytest -k methods -n 4, nothing stored",
)
"""What a newcomer wants to know."""

Machine = Mapping[str, Any]


def first_runs(stored: Stored) -> str:
    """The commands of the front page and how long they take."""
    return _runs(stored.matching(MACHINES), FIRST)


def all_runs(stored: Stored) -> str:
    """Every command that was timed on some machine."""
    machines = stored.matching(MACHINES)
    return _runs(machines, dict.fromkeys(row["name"] for one in machines for row in one["runs"]))


def machines(stored: Stored) -> str:
    """What the figures were measured on, and when."""
    lines = []
    for place, one in enumerate(stored.matching(MACHINES)):
        about = one["machine"]
        known = [
            f"{name} {about[name]}"
            for name in ("kernels", "python", "torch", "transformers")
            if name in about
        ]
        sources = [*one["runs"], *([one["measured"]] if "measured" in one else [])]
        days = sorted(source["time"][:10] for source in sources)
        told = sorted({source["transcribed"] for source in sources if "transcribed" in source})
        lines.append(
            "; ".join(
                [
                    f"**{_label(place, one)}**, {about['cores']} cores",
                    *([", ".join(known)] if known else []),
                    f"measured {' to '.join(dict.fromkeys((days[0], days[-1])))}",
                    *([f"figures taken from {' and '.join(told)}"] if told else []),
                ]
            )
            + "."
        )
    return bullets(lines)


def parts(stored: Stored) -> str:
    """The engine beside the loops in use, machine by machine."""
    blocks = []
    for place, one in enumerate(stored.matching(MACHINES)):
        rows = [row for part in one["parts"] for row in _rows(part)]
        lines = [line for part in one["parts"] for line in _notes(part)]
        if rows:
            head = ("what", "by", "median", "of ours", "memory taken")
            blocks.append(f"**{_label(place, one)}**:\n\n{table(head, rows)}")
        if notes := bullets([*lines, *one["remarks"]]):
            blocks.append(notes if rows else f"**{_label(place, one)}**:\n\n{notes}")
    return "\n\n".join(blocks)


def _notes(part: Mapping[str, Any]) -> list[str]:
    """What is said of a part; what was not timed is in no table and is named here."""
    notes = [*part["notes"], *filter(None, [part["disagreement"]])]
    return notes if part["ways"] else [f"{part['title']}: {'; '.join(notes)}"]


def _rows(part: Mapping[str, Any]) -> Iterable[Sequence[str]]:
    title = part["title"]
    for name, way in part["ways"].items():
        ratio, peak = way.get("ratio"), way.get("peak_bytes")
        yield (
            title,
            name,
            duration(way["median"]),
            "" if ratio is None else f"{ratio:.1f}×",
            "" if peak is None else size(peak),
        )
        title = ""


def _runs(found: Sequence[Machine], names: Iterable[str]) -> str:
    """The commands of these names, on the machines where some was timed."""
    wanted = list(names)
    timed = {
        _label(place, one): {row["name"]: row for row in one["runs"] if row["name"] in wanted}
        for place, one in enumerate(found)
    }
    timed = {label: rows for label, rows in timed.items() if rows}
    rows = [
        (_command(name), *(_took(rows.get(name)) for rows in timed.values()))
        for name in wanted
        if any(name in rows for rows in timed.values())
    ]
    return table(("command", *timed), rows)


def _command(name: str) -> str:
    command, comma, state = name.partition(", ")
    shown = code(command) if command.startswith(("pytest", "pip", "headclaims")) else command
    return f"{shown}{comma}{state}"


def _took(row: Mapping[str, Any] | None) -> str:
    if row is None:
        return NOT_MEASURED
    told = [duration(row["seconds"])] if "seconds" in row else []
    told += [f"{size(row['disk_bytes'])} on disk"] if "disk_bytes" in row else []
    told += [f"{size(row['peak_bytes'])} of memory"] if "peak_bytes" in row else []
    return ", ".join(told)


def _label(place: int, one: Machine) -> str:
    """A letter for each machine, in the order of their documents, and its processor."""
    about = one["machine"]
    kind = f" with {about['instructions']}" if "instructions" in about else ""
    return f"{chr(ord('A') + place)}: {about['processor']}{kind}"
