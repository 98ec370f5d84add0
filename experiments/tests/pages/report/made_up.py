"""Made-up runs and evidence, of which every figure is known."""

from pathlib import Path
from typing import Any

from experiments.pages.report.claims import Run, run_of
from experiments.pages.report.gathered import Evidence
from experiments.pages.report.report import Differing, report_page

HOSTILE = (
    "</script><script>window.attacked = true</script>",
    "<img src=x onerror='window.attacked = true'>",
    "\u202egnihtyna\u2066 \u0007\u0000",
    "{{ 7 * 7 }} ${7 * 7} <!-- -->",
    "word " * 200_000,
)
"""What a model or a filing may hold."""


def part(name: str = "10", **changes: Any) -> dict[str, Any]:
    return {
        "part": name,
        "of": "",
        "metric": "accuracy lost",
        "unit": "points",
        "required": "≥ 0.092",
        "null": 0.0,
        "published": "9.2",
        "estimate": 0.3125,
        "interval": [0.18, 0.44],
        "n": 16,
        "units": "companies",
        "p": 0.01,
        "unablated": 0.7,
        "noise": 0.0,
        "note": "of a test",
        "invalid": "",
        "verdict": "REPRODUCED",
        "case": "test_a.py::test_b",
        **changes,
    }


def claim(name: str = "A1", **changes: Any) -> dict[str, Any]:
    return {
        "id": name,
        "statement": "the model loses more",
        "study": "qrhead",
        "source": "table 1",
        "published": "gap 9.2",
        "ablation": {"mode": "zero", "scope": "prefill and decode", "bias": "none"},
        "primary": True,
        "tier": "own",
        "model": "tiny",
        "verdict": "REPRODUCED",
        "missing": [],
        "p": 0.01,
        "p_holm": None,
        "corrected_with": [],
        "ablator_unproven": False,
        "parts": [part()],
        "details": [],
        **changes,
    }


def run(*claims: dict[str, Any], name: str = "run") -> Run:
    document = {"schema": 1, "claims": list(claims), "provenance": {"command": "pytest"}}
    return run_of(document, Path(f"{name}.json"))


SWEEP = {
    "mode": "zero",
    "model": "tiny",
    "ppl": 20.5,
    "statistics": {
        "total": 4, "abs_below_1pct": 1, "abs_below_10pct": 2, "negative": 1,
        "max_head": "L0H1", "max": 0.5,
    },
    "ranked": [
        {"rank": rank, "head": head, "size": abs(change), "change": change}
        for rank, (head, change) in enumerate(
            (("L0H1", 50), ("L0H0", 20), ("L1H0", -5), ("L1H1", 0.5)), start=1
        )
    ],
    "fits": [{"name": "fit to the values, α = 2.00", "rank": n, "size": 50 / n**2} for n in (1, 4)],
    "layers": [{"layer": 0, "mean": 35, "share": 93}, {"layer": 1, "mean": 2.75, "share": 7}],
    "curves": [
        {
            "name": "smallest |ΔPPL| first",
            "total": 4,
            "points": [
                {"heads": n, "share": 25 * n, "ratio": 1 + n / 2} for n in (0, 2, 4)
            ],
            "crossings": [{"threshold": 1.1, "first": 1, "last": 2}],
        }
    ],
}  # fmt: skip


def evidence(answers: tuple[str, ...] = ("Iowa.", "Ohio."), prompt: str = "haystack") -> Evidence:
    """Two items under three conditions: the first is lost with the top 10 heads."""
    condition = {"kind": "top", "level": 10, "draw": "", "correct": 1, "name": "top 10"}
    conditions = [
        {"name": "unablated", "kind": "unablated", "level": 0, "draw": "", "correct": 2},
        condition,
        {**condition, "name": "uniform random 10, seed 42", "kind": "uniform", "draw": "seed 42"},
        {**condition, "name": "uniform random 10, seed 43", "kind": "uniform", "draw": "seed 43"},
    ]
    row = {
        "series": "top heads",
        "draw": "",
        "heads": 0,
        "right": 100,
        "low": 80,
        "high": 100,
        "kind": "unablated",
        "of": [""],
    }
    one_draw = {"series": "uniform random heads", "heads": 10, "kind": "uniform"}
    draws = [
        row | one_draw | {"draw": draw, "right": 100, "low": None, "high": None, "of": of}
        for draw, of in (("draw 1", ["seed 42"]), ("draw 2", ["seed 43"]))
    ]
    mean = row | one_draw | {"of": ["seed 42"]}
    right, wrong = 0, len(answers) - 1
    items = [
        {"filing": f"filing-{n}", "company": f"company-{n}", "truth": "iowa", "right": bits,
         "answers": [right, wrong if bits[1] == "0" else right, right, right],
         "sure": [83.0, 0.21, None, 5.7e-7]}
        for n, bits in enumerate(("1011", "1111"))
    ]  # fmt: skip
    cell = {
        "id": "tiny-inc_state-400",
        "model": "tiny",
        "question": "inc_state",
        "asked": "What state?",
        "tokens": 400,
        "items": 2,
        "conditions": conditions,
        "lacking": [],
        "curve": [
            row,
            {**row, "heads": 10, "right": 50, "low": 2, "high": 98, "kind": "top"},
            mean,
            *draws,
        ],
        "part": "cell-0",
    }
    pieces = [["haystack", [0, len(prompt)]], ["fact", "Iowa"], ["question", "What state?"]]
    return Evidence(
        method="QRHead",
        cells=[cell],
        pooled=[
            {
                "tokens": 400,
                "cells": [cell["id"]],
                "left_out": [],
                "floor": 30,
                "curve": cell["curve"],
            }
        ],
        parts={
            "cell-0": {
                "answers": list(answers),
                "ends": [[2, len(answer)] for answer in answers],
                "items": items,
                "heads": [
                    {"all": []},
                    {"all": [0, 1]},
                    {"by_item": [[2, 3], [1, 2]]},
                    {"all": [3]},
                ],
            },
            "cell-0-prompts": {"shared": prompt, "prompts": [pieces, pieces]},
        },
        heads={
            "names": ["L0H0", "L0H1", "L1H0", "L1H1"],
            "maps": [
                {"name": "detection score", "unit": "", "values": [0.5, 0.25, 0, -0.1],
                 "even": False, "cell": "tiny-inc_state-400", "ranking": [0, 1, 3]},
                {"name": "in how many of the 1 top sets", "unit": "", "values": [1, 1, 0, 0],
                 "even": True},
            ],
            "stability": [],
            "methods": [],
        },
        sweeps=[SWEEP],
        lacking=["exp10, mean ablation: not every head alone is stored"],
    )  # fmt: skip


def page(*runs: Run, found: Evidence | None = None, differing: Differing | None = None) -> str:
    shown = evidence() if found is None else found
    return report_page(runs, "tiny", shown, "headclaims report", ["store /tmp/store"], differing)
