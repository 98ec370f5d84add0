"""Blocks on how often the rules of judging are wrong: simulated studies of a known truth."""

from collections.abc import Mapping
from statistics import fmean
from typing import Any

from experiments.pages.readmes.markdown import bullets, percent, table
from experiments.pages.readmes.stored import Stored

INTERVALS = "experiments/judging/calibration/intervals.json"
VERDICTS = "experiments/judging/calibration/verdicts.json"

NOMINAL = 0.94
"""What the interval in use must reach."""


def coverage(stored: Stored) -> str:
    """For each number of filings and each method, the least and the mean coverage."""
    rows = stored.document(INTERVALS)["rows"]
    methods = list(rows[0]["coverage"])
    lines = []
    for clusters in dict.fromkeys(row["clusters"] for row in rows):
        found = [row["coverage"] for row in rows if row["clusters"] == clusters]
        lines.append(
            (
                str(clusters),
                *(
                    f"{percent(fmean(of[method] for of in found))}, least "
                    f"{percent(min(of[method] for of in found))}"
                    for method in methods
                ),
            )
        )
    return table(("filings", *methods), lines)


def coverage_missed(stored: Stored) -> str:
    """The kinds of studies in which the interval in use covers less than it must."""
    document = stored.document(INTERVALS)
    used = list(document["rows"][0]["coverage"])[-1]
    missed = [row for row in document["rows"] if row["coverage"][used] < NOMINAL]
    error = (0.05 * 0.95 / document["studies"]) ** 0.5
    return bullets(
        [
            f"{document['studies']} studies of each of {len(document['rows'])} kinds; the standard "
            f"error of a share is {100 * error:.1f} points.",
            f"Below {percent(NOMINAL, 0)} with {used}: "
            + ("; ".join(map(_kind, missed)) if missed else "none")
            + ".",
        ]
    )


def verdict_shares(stored: Stored) -> str:
    """For each design and level of A1 how often the right and a wrong verdict are given."""
    rows = stored.document(VERDICTS)["rows"]
    times = list(dict.fromkeys(row["times"] for row in rows))
    lines = []
    for design, part in dict.fromkeys((row["design"], row["part"]) for row in rows):
        of = {r["times"]: r for r in rows if (r["design"], r["part"]) == (design, part)}
        cells = (f"{percent(of[t]['right'], 0)}, {percent(of[t]['wrong'], 1)}" for t in times)
        lines.append((design, part, *cells))
    head = ("study", "heads", *(f"{t:g}×: right, wrong" for t in times))
    return table(head, lines)


def _kind(row: Mapping[str, Any]) -> str:
    skewed = f", carried by {row['carried_by']:.0%}" if row["carried_by"] < 1 else ""
    share = list(row["coverage"].values())[-1]
    return (
        f"{row['clusters']} filings, filing effect {row['filing_effect']}, {row['control']:g} "
        f"against {row['tested']:g}{skewed} ({percent(share)})"
    )
