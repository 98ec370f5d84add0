"""Blocks on other ablations and other uses of heads: baselines, and evidence on A1, A7 and A8."""

from collections.abc import Mapping
from typing import Any

from ablation.detection import METHODS
from experiments.cells.choices import MODES, SCOPES
from experiments.judging.claim import Scale, Tier
from experiments.pages.readmes.markdown import minus, percent, table, with_interval
from experiments.pages.readmes.stored import Stored
from experiments.pages.readmes.tables.claims import detail, measured
from experiments.pages.readmes.tables.qrhead import cell_of

HEADS = "baselines/methods/smollm2/heads.json"
MODES_OF_ONE_CELL = "baselines/methods/smollm2/modes.json"
OTHER_CELL = "experiments/methods/pictures/smollm2_employee_count_modes.json"


def found_heads(stored: Stored) -> str:
    """How many heads each method found, and what is right without its top ones, by question."""
    document = stored.document(HEADS)
    rows = []
    for method in (name for name in METHODS if name in document["methods"]):
        for cell in document["methods"][method]:
            correct = cell["correct"]
            rows.append(
                (
                    f"`{method}`",
                    f"`{cell['question']}`",
                    _found(cell["found"]),
                    *(
                        str(correct[kind])
                        for kind in ("unablated", "top", "layer_matched", "shared")
                    ),
                )
            )
    head = (
        "method", "question", "heads found", "right unablated",
        f"top {document['level']} ablated", "layer-matched control", "shared control",
    )  # fmt: skip
    return table(head, rows)


def pooled(stored: Stored) -> str:
    """The same over all questions, with the gap to both controls."""
    document = stored.document(HEADS)
    parts = {part["part"]: part for part in stored.claims(Tier.EMBEDDED)["A7"]["parts"]}
    rows = []
    for method in (name for name in METHODS if name in document["methods"]):
        of_method = document["methods"][method]
        found = [cell["correct"] for cell in of_method]
        part = method.replace("_", " ")
        asked = sum(cell_of(stored, cell["question"])["test_samples"] for cell in of_method)
        rows.append(
            (
                f"`{method}`",
                *(
                    percent(sum(of[kind] for of in found) / asked)
                    for kind in ("top", "layer_matched", "shared")
                ),
                measured(parts[part], unit=False),
                measured(detail(stored, Tier.EMBEDDED, "A7", part, "shared control"), unit=False),
            )
        )
    head = (
        "method", f"right, top {document['level']} ablated", "right, layer-matched control",
        "right, shared control", "gap to the layer-matched, points", "gap to the shared, points",
    )  # fmt: skip
    return table(head, rows)


def overlaps(stored: Stored) -> str:
    """A7: the Jaccard index of every two methods, at the level of the claim and at the study's."""
    rows = [
        (row["of"], measured(row), row["verdict"])
        for row in stored.claims(Tier.EMBEDDED)["A7"]["details"]
        if row["part"] == "overlap" and "blocked" not in row
    ]
    return table(("methods", "Jaccard index [95% interval]", "verdict"), rows)


def modes(stored: Stored) -> str:
    """A1 in one cell under every mode and scope: the gap, and what is right with either set."""
    counts, level = stored.document(MODES_OF_ONE_CELL), _level(stored)

    def cell(mode: str, scope: str) -> str:
        gap = detail(stored, Tier.EMBEDDED, "A1", level, f"mode {mode}, scope {scope}")
        right = counts["modes"][f"{mode} {scope}"]
        return f"{measured(gap, unit=False)}; {right['top']}, {right['layer_matched']}"

    return _modes_table(cell)


def modes_elsewhere(stored: Stored) -> str:
    """The same in the cell whose answers take several tokens."""
    rows = {(row["mode"], row["scope"]): row for row in stored.document(OTHER_CELL)["ablations"]}

    def cell(mode: str, scope: str) -> str:
        row = rows[mode, scope]
        gap = with_interval(row["gap"]["estimate"], row["gap"]["interval"], Scale.POINTS)
        return f"{gap}; {_right(row['top'])}, {_right(row['layer_matched'])}"

    return _modes_table(cell)


def setting_of_modes(stored: Stored) -> str:
    """Which cell, how many heads, how many answers are right unablated."""
    found = stored.document(MODES_OF_ONE_CELL)
    return (
        f"Cell: `{found['question']}`, {found['tokens']} tokens; {found['unablated']} answers "
        f"right unablated; the top {found['level']} heads ablated."
    )


def setting_of_modes_elsewhere(stored: Stored) -> str:
    """The same of the other cell."""
    found = stored.document(OTHER_CELL)
    (question,), (asked,) = found["questions"], found["test_samples"]
    return minus(
        f"Cell: `{question}`, {found['total_tokens']} tokens; {_right(found['unablated'])} of "
        f"{asked} answers right unablated; the top {found['num_heads']} heads ablated, of whose "
        f"controls {found['displaced_controls']} lie in neighbouring layers."
    )


def _modes_table(cell: Any) -> str:
    rows = [(f"`{mode}`", *(cell(mode, scope) for scope in SCOPES)) for mode in MODES]
    return table(("mode", *(f"scope `{scope}`" for scope in SCOPES)), rows)


def _level(stored: Stored) -> str:
    return str(stored.document(MODES_OF_ONE_CELL)["level"])


def _right(figure: Mapping[str, Any]) -> str:
    return str(sum(figure["correct"]))


def _found(count: int) -> str:
    return f"{count} or more" if count >= 50 else str(count)
