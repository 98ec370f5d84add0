"""Every test filing of a cell under sets of ablated heads.

The answer to one prompt under one set of heads is a unit of the store, whatever the condition is
called: what is asked for twice, by two controls or two studies, is computed once.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING, Any, overload

from ablation.errors import InvalidInput
from ablation.heads import Head
from ablation.metrics.answers import MAX_NEW_TOKENS, Answer
from experiments.cells.cell import Cell
from experiments.cells.choices import CellAblation
from experiments.cells.grading import Outcomes, graded
from experiments.machine.memory_errors import memory_errors
from experiments.machine.provenance import provenance
from experiments.store import Computed, Document, Store, WorkUnit

if TYPE_CHECKING:
    from ablation.modes.protocol import Ablation

KIND = "answer"
DIGITS = 4
"""Of a stored log-probability; the order of sums moves later ones."""

SETS_AT_ONCE, TOKENS_AT_ONCE = 4, 8192
"""Sets of heads, and tokens of the prompts, that one process claims and computes together. Sets
that are computed together share layers, prompts what they begin with. An answer is stored once it
is found: a killed process loses what is on its way. A dozen sets at once are not faster (SmolLM2,
before prompts shared anything: 18.2 s against 18.2 s; one by one take 23.3 s)."""

MANY_SETS = 32
"""From as many sets of heads on, twice as many are computed together: there are claims enough for
every process. Of 20 draws (158 sets of SmolLM2) as many layers are run as 107 sets have that share
none; four at once and unordered it was 127, all at once it would be 100."""


@dataclass(frozen=True)
class HeadsByItem:
    """A condition in which every item of a cell has heads of its own.

    Attributes:
        of: the heads of each item, in the order of ``Cell.test``.
    """

    of: tuple[tuple[Head, ...], ...]


Heads = Sequence[Head] | HeadsByItem
"""What is ablated together in a condition: in every item, or in each its own."""


def answer_units(cell: Cell, heads: Heads, ablation: CellAblation) -> list[WorkUnit]:
    """The answers of ``cell`` with ``heads`` ablated, in whichever order they are given.

    Raises:
        InvalidInput: heads by item that are not of these items.
    """
    named = {of: [str(head) for head in sorted(of)] for of in set(by_item(cell, heads))}
    label = f"answers to {cell.question} at {cell.tokens} tokens, "
    units = []
    for (_, prompt), of in zip(cell.test, by_item(cell, heads), strict=True):
        key = {
            **cell.model.key(),
            "prompt_sha256": prompt.sha256,
            "max_new_tokens": MAX_NEW_TOKENS,
            # How no head is ablated makes no difference.
            "ablation": dict(ablation.description) if of else None,
            "heads": named[of],
        }
        units.append(WorkUnit(KIND, key, label + (f"{len(of)} heads" if of else "unablated")))
    return units


def by_item(cell: Cell, heads: Heads) -> list[tuple[Head, ...]]:
    """The heads of each item.

    Raises:
        InvalidInput: heads by item that are not of these items.
    """
    if not isinstance(heads, HeadsByItem):
        return [tuple(heads)] * len(cell.test)
    if len(heads.of) != len(cell.test):
        raise InvalidInput(
            f"heads for each of the {len(cell.test)} items of the cell are required, got them for "
            f"{len(heads.of)}"
        )
    return list(heads.of)


@overload
def run_conditions(
    cell: Cell,
    head_sets: Sequence[Heads],
    ablation: CellAblation,
    store: Store,
) -> list[Outcomes]: ...


@overload
def run_conditions(
    cell: Cell,
    head_sets: Sequence[Heads],
    ablation: CellAblation,
    store: Store,
    *,
    wait: bool,
) -> list[Outcomes | None]: ...


def run_conditions(
    cell: Cell,
    head_sets: Sequence[Heads],
    ablation: CellAblation,
    store: Store,
    *,
    wait: bool = True,
) -> Sequence[Outcomes | None]:
    """The outcomes under every set of heads, stored or computed now.

    Args:
        cell: model and prompts.
        head_sets: the heads that are ablated together, for each condition: in all items,
            or by item.
        ablation: how they are ablated.
        store: where the answers are kept.
        wait: for other processes; otherwise conditions that they are at are None.

    Raises:
        InvalidInput: heads by item that are not of these items.
        ComputationError: the model's logits are NaN, or the device's memory does not suffice; no
            item is ever dropped over an error.
        ResultsError: the answers cannot be stored.
    """
    units = [answer_units(cell, heads, ablation) for heads in head_sets]
    everything, compute = [unit for of_set in units for unit in of_set], AnswersOf(cell, ablation)
    store.announce(everything)
    for together in claimed_together(cell, units, head_sets):
        store.all(together, compute, at_once=len(together), wait=False)
    at_once = SETS_AT_ONCE * _items_at_once(cell)
    documents = store.all(everything, compute, at_once=at_once, wait=wait)
    by_digest = {one.unit.digest: one for one in documents if one is not None}
    return [_outcomes(cell, [by_digest.get(unit.digest) for unit in of_set]) for of_set in units]


@dataclass(frozen=True)
class AnswersOf:
    """Computes answers to the test prompts of a cell.

    Attributes:
        cell: model and prompts.
        ablation: how heads are ablated; which ones, the units say.
    """

    cell: Cell
    ablation: CellAblation

    def __call__(self, units: Sequence[WorkUnit]) -> Iterator[tuple[WorkUnit, Computed]]:
        """Raises ComputationError, as ``run_conditions``."""
        cell = self.cell
        _ = cell.model.loaded  # loading is no part of what answers take
        place = {prompt.sha256: item for item, (_, prompt) in enumerate(cell.test)}
        wanted: dict[tuple[Head, ...], dict[int, WorkUnit]] = {}
        for unit in units:
            heads = tuple(map(Head.parse, unit.key["heads"]))
            wanted.setdefault(heads, {})[place[unit.key["prompt_sha256"]]] = unit
        about = {
            "model_key": cell.model.spec.key,
            "question": cell.question,
            "tokens": cell.tokens,
        }
        started = time.perf_counter()
        for found in answers(cell, wanted, self.ablation.made):
            seconds = (time.perf_counter() - started) / len(found)
            for heads, item, answer in found:
                result = {
                    **about,
                    "answer": answer.text,
                    "log_probability": _rounded(answer.log_probability),
                }
                yield wanted[heads][item], (result, provenance(cell.model, seconds))
            started = time.perf_counter()


def _rounded(log_probability: float | None) -> float | None:
    """None where it is none, as of infinite logits."""
    if log_probability is None or not isfinite(log_probability):
        return None
    return float(f"{log_probability:.{DIGITS}g}")


def _items_at_once(cell: Cell) -> int:
    return max(1, min(len(cell.test), TOKENS_AT_ONCE // cell.tokens))


def claimed_together(
    cell: Cell, units: Sequence[Sequence[WorkUnit]], head_sets: Sequence[Heads]
) -> Iterator[list[WorkUnit]]:
    """The units that are best computed together: a few sets of heads, each for the same items.

    Args:
        cell: model and prompts.
        units: for each set of heads, the answers to the items.
        head_sets: those sets.
    """
    # Prompts that begin alike are neighbours; so are sets that ablate the same in the first layers.
    order = sorted(range(len(cell.test)), key=lambda item: cell.test[item][1].ids)
    sets = [units[n] for n in sorted(range(len(units)), key=lambda n: _by_layer(head_sets[n]))]
    items, size = _items_at_once(cell), len(order)
    at_once = SETS_AT_ONCE if len(sets) < MANY_SETS else 2 * SETS_AT_ONCE
    for start in range(0, size, items):
        for first in range(0, len(sets), at_once):
            together = sets[first : first + at_once]
            yield [of_set[item] for of_set in together for item in order[start : start + items]]


def _by_layer(heads: Heads) -> list[Head]:
    """What brings those sets together that ablate the same heads up to some layer."""
    return sorted(heads.of[0] if isinstance(heads, HeadsByItem) else heads)


def answers(
    cell: Cell,
    wanted: Mapping[tuple[Head, ...], Sequence[int] | Mapping[int, Any]],
    ablation: "Ablation",
    *,
    one_by_one: bool = False,
) -> Iterator[list[tuple[tuple[Head, ...], int, Answer]]]:
    """The answers to test prompts under sets of heads, computed now.

    Args:
        cell: model and prompts.
        wanted: heads that are ablated together -> items.
        ablation: how they are ablated.
        one_by_one: whether each prompt is run on its own; otherwise as many at once as fit.

    Yields:
        What is found together: a set of heads, an item, and the answer.

    Raises:
        ComputationError: as ``run_conditions``.
    """
    # Not above: answers that are stored are judged without torch.
    from ablation.engine.batches import answers_where_wanted
    from ablation.passes.room import ONE_BY_ONE

    loaded, prompts = cell.model.loaded, [prompt.ids for _, prompt in cell.test]
    with memory_errors():
        yield from answers_where_wanted(
            loaded.engine,
            loaded.model,
            loaded.tokenizer,
            prompts,
            {heads: list(items) for heads, items in wanted.items()},
            ablation,
            ONE_BY_ONE if one_by_one else None,
        )


def _outcomes(cell: Cell, found: Sequence[Document | None]) -> Outcomes | None:
    known = [one for one in found if one is not None]
    if len(known) < len(found):
        return None
    given = [Answer(one.result["answer"], one.result.get("log_probability")) for one in known]
    return Outcomes(graded(cell, given), known)
