"""Ablates the top heads of a cell and as many random ones; the study's result document."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tqdm import tqdm

from ablation.answers import grade
from ablation.controls import CONTROL_SEED, EXCLUDED_TOP, check_levels, control_heads
from ablation.detection.ranking import HeadRanking
from ablation.generation import greedy_answers
from ablation.heads import Head, HeadGrid
from ablation.modes import Ablation, ZeroAblation
from experiments.claims import LEVELS
from experiments.provenance import identity, provenance, timestamp
from experiments.qrhead.cells import Cell, prompts_sha256, truth
from experiments.qrhead.outcomes import RANDOM, TOP

METHOD = "qrhead_ablation_incremental"
ROWS_PER_BATCH = 4
"""Conditions that share a batch: enough to read the weights once for many, few enough that the
key-value caches of four workers stay small."""


@dataclass(frozen=True)
class AblationPlan:
    """What is ablated in a cell.

    Attributes:
        levels: how many of the top heads, ascending.
        control_seed: the seed of the random heads.
        skip_random: leave the controls out.
        ablation: mode, scope and bias policy.
    """

    levels: tuple[int, ...] = LEVELS
    control_seed: int = CONTROL_SEED
    skip_random: bool = False
    ablation: Ablation = ZeroAblation()


@dataclass(frozen=True)
class Condition:
    """One set of ablated heads: ``kind`` is ``unablated``, ``top`` or ``random``."""

    kind: str
    heads: tuple[Head, ...] = ()


@dataclass(frozen=True)
class ItemOutcome:
    """One filing under one condition."""

    filing: str
    company: str
    truth: str
    answer: str
    correct: bool
    strict: bool


def check_plan(plan: AblationPlan, grid: HeadGrid) -> None:
    """Refuses what cannot be ablated in a model of this size, before anything is computed.

    Raises:
        InvalidInput: impossible levels, or too few heads left for a control.
    """
    levels = check_levels(plan.levels, grid)
    if not plan.skip_random:
        control_heads(grid, tuple(grid)[:EXCLUDED_TOP], levels[-1])


def conditions(plan: AblationPlan, ranking: HeadRanking) -> list[Condition]:
    """The unablated model, the top heads of every level, and as many random ones.

    Raises:
        InvalidInput: impossible levels, or too few heads left for a control.
    """
    levels = check_levels(plan.levels, ranking.grid)
    tested = [Condition("unablated"), *(Condition("top", ranking.top(n)) for n in levels)]
    if plan.skip_random:
        return tested
    excluded = ranking.top(min(EXCLUDED_TOP, len(ranking.grid)))
    return tested + [
        Condition("random", control_heads(ranking.grid, excluded, n, plan.control_seed))
        for n in levels
    ]


def ablate(
    cell: Cell, ranking: HeadRanking, plan: AblationPlan, heads_source: str
) -> dict[str, Any]:
    """Runs every condition on every test filing; the document of the cell's ablation file.

    Args:
        cell: model and prompts.
        ranking: which heads are the top ones.
        plan: what is ablated.
        heads_source: where the ranking is from, for the document.

    Raises:
        InvalidInput: as ``conditions``.
        ComputationError: the model's logits are NaN; no item is ever dropped over an error.
    """
    todo = conditions(plan, ranking)
    outcomes = _run(cell, todo, plan)
    unablated = _score(outcomes[0])
    by_kind: dict[str, list[dict[str, Any]]] = {"top": [], "random": []}
    for condition, items in zip(todo[1:], outcomes[1:], strict=True):
        score = _score(items)
        by_kind[condition.kind].append(
            {
                "num_heads": len(condition.heads),
                "heads": [[head.layer, head.head] for head in condition.heads],
                "heads_str": [str(head) for head in condition.heads],
                "accuracy": score["accuracy"],
                "accuracy_drop": unablated["accuracy"] - score["accuracy"],
                "correct": score["correct"],
                "total": score["total"],
                "items": [asdict(item) for item in items],
            }
        )
    return {
        "method": METHOD,
        **cell.header(),
        "test_samples": len(cell.test),
        "ablation_levels": list(plan.levels),
        "heads_source": heads_source,
        "timestamp": timestamp(),
        "baseline": {**unablated, "items": [asdict(item) for item in outcomes[0]]},
        TOP: by_kind["top"],
        RANDOM: by_kind["random"],
        "ablation": {**plan.ablation.describe(), "control_seed": plan.control_seed},
        "inputs": cell.inputs(),
        "provenance": provenance(cell.loaded),
    }


def ablation_identity(cell: Cell, ranking: HeadRanking, plan: AblationPlan) -> dict[str, Any]:
    """What must be equal for a stored result to be this cell's."""
    return {
        **identity(cell.loaded),
        "method": METHOD,
        "prompts_sha256": prompts_sha256(cell.test),
        "truths": {filing.name: truth(cell, filing) for filing, _ in cell.test},
        "ablation": plan.ablation.describe(),
        "conditions": [
            [condition.kind, *map(str, condition.heads)] for condition in conditions(plan, ranking)
        ],
    }


def _run(cell: Cell, todo: Sequence[Condition], plan: AblationPlan) -> list[list[ItemOutcome]]:
    """The outcomes of every condition, each in the order of the test filings."""
    outcomes: list[list[ItemOutcome]] = [[] for _ in todo]
    described = f"ablate {cell.question} {cell.tokens}"
    total = len(todo) * len(cell.test)
    with tqdm(total=total, desc=described, unit="answer", delay=1, disable=None) as bar:
        for filing, prompt in cell.test:
            wanted = truth(cell, filing)
            for start in range(0, len(todo), ROWS_PER_BATCH):
                batch = todo[start : start + ROWS_PER_BATCH]
                answers = greedy_answers(
                    cell.loaded.model,
                    cell.loaded.tokenizer,
                    prompt.ids,
                    [condition.heads for condition in batch],
                    plan.ablation,
                )
                for offset, answer in enumerate(answers):
                    graded = grade(answer, wanted)
                    outcomes[start + offset].append(
                        ItemOutcome(
                            filing.name,
                            filing.company,
                            wanted,
                            answer,
                            graded.correct,
                            graded.strict,
                        )
                    )
                bar.update(len(batch))
    return outcomes


def _score(items: Sequence[ItemOutcome]) -> dict[str, Any]:
    correct = sum(item.correct for item in items)
    return {"accuracy": correct / len(items), "correct": correct, "total": len(items)}
