"""Blocks on the QRHead ablation of the embedded model: baselines, and evidence on A1 and A3."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from ablation.filings.filing import QUESTIONS
from experiments.claims import LEVELS
from experiments.judging.claim import Tier
from experiments.pages.readmes.markdown import bullets, percent, table
from experiments.pages.readmes.stored import Stored
from experiments.pages.readmes.tables.claims import detail, measured

CELL = "smollm2-{question}-512"
UNIFORM = "uniform control"
FIRST_LAYER = "L0H"


def levels(stored: Stored) -> str:
    """Answers that are left, and the gap to both controls, pooled over the questions."""
    cells = [cell_of(stored, question) for question in QUESTIONS]
    asked = sum(cell["test_samples"] for cell in cells)
    parts = {part["part"]: part for part in stored.claims(Tier.EMBEDDED)["A1"]["parts"]}
    rows = []
    for place, level in enumerate(LEVELS):
        top, random = (
            sum(cell[kind][place]["correct"] for cell in cells) / asked
            for kind in ("top", "random")
        )
        matched = parts[str(level)]
        uniform = detail(stored, Tier.EMBEDDED, "A1", str(level), UNIFORM)
        rows.append(
            (
                str(level),
                percent(top),
                # The gap is between these two shares.
                percent(top + matched["estimate"]),
                percent(random),
                f"{measured(matched, unit=False)} {matched['verdict']}",
                f"{measured(uniform, unit=False)} {uniform['verdict']}",
                _of_layer_0(cell["random"][place]["heads"] for cell in cells),
            )
        )
    head = (
        "heads", "right, top heads", "right, layer-matched control", "right, uniform control",
        "gap to the layer-matched, points", "gap to the uniform, points",
        "of the uniform control in layer 0",
    )  # fmt: skip
    return table(head, rows)


def cells(stored: Stored) -> str:
    """Each cell: unablated answers, and its gap at every level."""
    rows = []
    for question in QUESTIONS:
        cell = cell_of(stored, question)
        found = [_gap(stored, question, level) for level in LEVELS]
        rows.append(
            (
                f"`{question}`",
                f"{cell['unablated']} of {cell['test_samples']}",
                *(measured(gap, unit=False, interval=False) for gap in found),
            )
        )
    return table(("question", "right unablated", *(f"gap at {level}" for level in LEVELS)), rows)


def verdicts_of_cells(stored: Stored) -> str:
    """How many single cells got which verdict; the noise that all answers share."""
    found = [_gap(stored, question, level) for question in QUESTIONS for level in LEVELS]
    counts = Counter(gap["verdict"] for gap in found)
    listed = ", ".join(f"{count} {verdict}" for verdict, count in counts.most_common())
    noise = max(gap["noise"] for gap in found)
    filings = cell_of(stored, next(iter(QUESTIONS)))["test_samples"]
    return bullets(
        [
            f"Verdicts of the {len(found)} single cells and levels: {listed}.",
            f"One answer of {filings} is {100 / filings:.1f} points.",
            f"Noise floor (the same answers computed again in another batch shape): "
            f"{100 * noise:.1f} points.",
        ]
    )


def cell_of(stored: Stored, question: str) -> Mapping[str, Any]:
    """The baseline of a question's cell."""
    return stored.document(f"baselines/qrhead/{CELL.format(question=question)}.json")


def _gap(stored: Stored, question: str, level: int) -> Mapping[str, Any]:
    return detail(stored, Tier.EMBEDDED, "A1", str(level), CELL.format(question=question))


def _of_layer_0(head_sets: Iterable[str]) -> str:
    """The heads of layer 0 that the controls of all cells hold."""
    held = [{name for name in heads.split() if name.startswith(FIRST_LAYER)} for heads in head_sets]
    return ", ".join(sorted(set.intersection(*held)))
