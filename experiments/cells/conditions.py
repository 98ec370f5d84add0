"""Every test filing of a cell under sets of ablated heads: answers, and rows that count them.

The answers under one set of heads are a unit of the store, whatever the condition is called: a set
that is asked for twice, by two controls or two studies, is computed once.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, overload

from tqdm import tqdm

from ablation.filings.filing import Filing
from ablation.heads import Head
from ablation.metrics.answers import MAX_NEW_TOKENS, grade
from experiments.cells.cell import Cell, prompts_sha256, truth
from experiments.cells.choices import CellAblation
from experiments.machine.memory_errors import memory_errors
from experiments.machine.provenance import provenance
from experiments.store import Computed, Store, WorkUnit

if TYPE_CHECKING:
    from ablation.modes.protocol import Ablation

KIND = "answers"

AT_ONCE = 4
"""Sets of heads that one process claims and computes together: what a killed one loses. A dozen at
once are not faster (SmolLM2: 18.2 s against 18.2 s; one by one take 23.3 s)."""


@dataclass(frozen=True)
class ItemOutcome:
    """One filing under one condition."""

    filing: str
    company: str
    truth: str
    answer: str
    correct: bool
    strict: bool


@dataclass(frozen=True)
class Outcomes:
    """The test filings, in their order, under one condition, and how the answers came about."""

    items: Sequence[ItemOutcome]
    provenance: Mapping[str, Any]

    @property
    def correct(self) -> dict[str, bool]:
        """Filing -> whether its answer is right."""
        return {item.filing: item.correct for item in self.items}

    @property
    def companies(self) -> dict[str, str]:
        """Filing -> its company."""
        return {item.filing: item.company for item in self.items}


def answers_unit(cell: Cell, heads: Sequence[Head], ablation: CellAblation) -> WorkUnit:
    """The answers of ``cell`` with ``heads`` ablated, in whichever order they are given."""
    named = [str(head) for head in sorted(heads)]
    # How no head is ablated makes no difference.
    how = dict(ablation.description) if heads else None
    heads_ = f"{len(named)} heads" if named else "unablated"
    label = f"answers to {cell.question} at {cell.tokens} tokens, {heads_}"
    return WorkUnit(KIND, {**answers_key(cell), "ablation": how, "heads": named}, label)


def answers_key(cell: Cell) -> dict[str, Any]:
    """What the answers of ``cell`` depend on, whatever is ablated."""
    return {
        **cell.model.key(),
        "prompts_sha256": prompts_sha256(cell.test),
        "max_new_tokens": MAX_NEW_TOKENS,
    }


@overload
def run_conditions(
    cell: Cell,
    head_sets: Sequence[Sequence[Head]],
    ablation: CellAblation,
    store: Store,
    *,
    described: str = "ablate",
) -> list[Outcomes]: ...


@overload
def run_conditions(
    cell: Cell,
    head_sets: Sequence[Sequence[Head]],
    ablation: CellAblation,
    store: Store,
    *,
    described: str = "ablate",
    wait: bool,
) -> list[Outcomes | None]: ...


def run_conditions(
    cell: Cell,
    head_sets: Sequence[Sequence[Head]],
    ablation: CellAblation,
    store: Store,
    *,
    described: str = "ablate",
    wait: bool = True,
) -> Sequence[Outcomes | None]:
    """The outcomes under every set of heads, stored or computed now.

    Args:
        cell: model and prompts.
        head_sets: the heads that are ablated together, for each condition.
        ablation: how they are ablated.
        store: where the answers are kept.
        described: what the progress bar says.
        wait: for other processes; otherwise what they are at is None.

    Raises:
        ComputationError: the model's logits are NaN, or the device's memory does not suffice; no
            item is ever dropped over an error.
        ResultsError: the answers cannot be stored.
    """
    units = [answers_unit(cell, heads, ablation) for heads in head_sets]
    heads_of = {unit.digest: heads for unit, heads in zip(units, head_sets, strict=True)}
    missing = sum(
        store.find(unit) is None for unit in {unit.digest: unit for unit in units}.values()
    )
    described = f"{described} {cell.question} {cell.tokens}"
    total = missing * len(cell.test)
    with tqdm(total=total, desc=described, unit="answer", delay=1, disable=None) as bar:

        def compute(claimed: Sequence[WorkUnit]) -> Iterator[tuple[WorkUnit, Computed]]:
            _ = cell.model.loaded  # loading is no part of what answers take
            started = time.perf_counter()
            sets = [heads_of[unit.digest] for unit in claimed]
            found = answers(cell, sets, ablation.made, bar=bar)
            seconds = (time.perf_counter() - started) / len(claimed)
            of = {"model_key": cell.model.spec.key, "question": cell.question}
            for unit, given in zip(claimed, found, strict=True):
                how = provenance(cell.model, seconds)
                yield unit, ({**of, "tokens": cell.tokens, "answers": given}, how)

        documents = store.all(units, compute, at_once=AT_ONCE, wait=wait)
    return [
        None if one is None else Outcomes(graded(cell, one.result["answers"]), one.provenance)
        for one in documents
    ]


def answers(
    cell: Cell,
    head_sets: Sequence[Sequence[Head]],
    ablation: "Ablation",
    *,
    rows: int | None = None,
    bar: tqdm | None = None,
) -> list[list[str]]:
    """The answers to the test prompts under every set of heads, computed now.

    Args:
        cell: model and prompts.
        head_sets: the heads that are ablated together.
        ablation: how they are ablated.
        rows: rows of a batch; None: as many as fit.
        bar: a progress bar that counts answers.

    Raises:
        ComputationError: as ``run_conditions``.
    """
    # Not above: answers that are stored are judged without torch.
    from ablation.engine.batches import answers_in_batches

    loaded, prompts = cell.model.loaded, [prompt.ids for _, prompt in cell.test]
    given: list[list[str]] = [[""] * len(prompts) for _ in head_sets]
    sets = [tuple(heads) for heads in head_sets]
    with memory_errors():
        for items, members, found in answers_in_batches(
            loaded.engine, loaded.model, loaded.tokenizer, prompts, sets, ablation, rows
        ):
            for number in members:
                for item, answer in zip(items, found, strict=True):
                    given[number][item] = answer
            if bar is not None:
                bar.update(len(items) * len(members))
    return given


def graded(cell: Cell, given: Sequence[str]) -> list[ItemOutcome]:
    """The outcomes of the test filings, given their answers."""
    return [
        _outcome(cell, filing, answer) for (filing, _), answer in zip(cell.test, given, strict=True)
    ]


def _outcome(cell: Cell, filing: Filing, answer: str) -> ItemOutcome:
    wanted = truth(cell, filing)
    graded = grade(answer, wanted)
    return ItemOutcome(filing.name, filing.company, wanted, answer, graded.correct, graded.strict)


def score(items: Sequence[ItemOutcome]) -> dict[str, Any]:
    """How many items are right, with the items."""
    correct = sum(item.correct for item in items)
    return {
        "accuracy": correct / len(items),
        "correct": correct,
        "total": len(items),
        "items": [asdict(item) for item in items],
    }


def condition_row(heads: Sequence[Head], items: Sequence[ItemOutcome]) -> dict[str, Any]:
    """The row of one set of ablated heads, in the study's own keys."""
    return {
        "num_heads": len(heads),
        "heads": [[head.layer, head.head] for head in heads],
        "heads_str": [str(head) for head in heads],
        **score(items),
    }
