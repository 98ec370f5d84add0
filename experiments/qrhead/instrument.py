"""Does the suite say yes only when it should? Judged on a model of which the right answer is known.

The model is planted (``ablation.models.planted.retrieval``): five heads retrieve, one looks where
they do and writes nothing, the rest does something else. Detection, ablation, controls and verdict
are those of claim A1; what is published of this model is that without its retrieving heads nothing
is right.
"""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from ablation.detection import GRADIENT, QRHEAD, SUMMED_ATTENTION, WU24
from ablation.detection.controls import LAYER_MATCHED, matched_draws
from ablation.detection.ranking import HeadRanking
from ablation.filings.synthetic import synthetic_filings
from ablation.heads import Head
from ablation.metrics.answers import Answer
from ablation.models.model import open_model
from ablation.models.planted.retrieval import DECOY, QUESTION, RETRIEVING, retrieving_model
from ablation.models.planted.weights import LLAMA
from ablation.models.registry import model_spec
from ablation.prompts.styles import PRIMED_CHAT
from experiments.cells.cell import Cell, build_cell
from experiments.cells.choices import AblationChoice
from experiments.cells.conditions import Heads, HeadsByItem, by_item, run_conditions
from experiments.cells.controls import drawn
from experiments.cells.detection import detected
from experiments.cells.gap import gap_evidence
from experiments.cells.grading import graded
from experiments.cells.outcomes import Answers, CellOutcomes
from experiments.judging.check import Check
from experiments.judging.claim import Bound, Criterion, Scale
from experiments.judging.verdict import Verdict, judge
from experiments.store import Store

LEVEL = len(RETRIEVING)
PLANTED = Criterion(
    "accuracy lost with the top heads ablated, beyond that with as many of the same layers",
    Bound.AT_LEAST,
    1.0,
    "100",
    Scale.POINTS,
    null=0.0,
    counts_from=0.5,
)
TOKENS, FILINGS = 260, 60
DETECTION_PROMPTS = 12
RANDOM_RANKINGS = 20

Ablator = Callable[[Cell, Sequence[Heads], Store], list[Answers]]
"""Which answers of a cell are right under each set of heads."""


def checks(folder: Path, store: Store, architecture: str = LLAMA) -> Iterator[Check]:
    """All checks, one after the other.

    Args:
        folder: an empty one, for the model.
        store: where results are kept meanwhile.
        architecture: of the model, ``LLAMA`` or ``GPT2``.
    """
    path = retrieving_model(folder / "retrieval", architecture=architecture)
    model = open_model(model_spec(str(path), PRIMED_CHAT.name))
    cell = build_cell(model, synthetic_filings(FILINGS), QUESTION, TOKENS)
    cell = replace(cell, detection=cell.detection[:DETECTION_PROMPTS])
    yield from _rankings(cell, store)
    yield from _verdicts(cell, store)


def _rankings(cell: Cell, store: Store) -> Iterator[Check]:
    looking, writing = {*RETRIEVING, DECOY}, {*RETRIEVING}
    methods = (QRHEAD, WU24, SUMMED_ATTENTION, GRADIENT)
    ranked = zip(methods, detected(cell, methods, store), strict=True)
    first = {method: one.ranking.top(len(looking)) for method, one in ranked}
    found = [len(looking & {*first[method]}) for method in methods[:-1]]
    yield Check(
        "QRHead, Wu24 and summed attention rank first what looks, the decoy too",
        ", ".join(f"{count} of {len(looking)}" for count in found),
        set(found) == {len(looking)},
    )
    # Attention alone cannot tell a head that looks and writes nothing.
    writes = len(writing & {*first[GRADIENT][: len(writing)]})
    yield Check(
        "gradients rank first what writes", f"{writes} of {len(writing)}", writes == len(writing)
    )


def _verdicts(cell: Cell, store: Store) -> Iterator[Check]:
    others = [head for head in cell.model.grid if head not in RETRIEVING]
    true = [*RETRIEVING, *others]
    false = [DECOY, *(head for head in others if head != DECOY), *RETRIEVING]
    found = judged(cell, true, store)
    yield Check("A1 of the retrieving heads", str(found), found is Verdict.REPRODUCED)
    found = judged(cell, false, store)
    yield Check("A1 with the decoy first", str(found), found is Verdict.NOT_REPRODUCED)
    shuffled = (random.Random(seed).sample(true, len(true)) for seed in range(RANDOM_RANKINGS))
    yes = [judged(cell, order, store) for order in shuffled].count(Verdict.REPRODUCED)
    right = yes <= RANDOM_RANKINGS / 20
    yield Check(f"A1 of {RANDOM_RANKINGS} random rankings", f"{yes} REPRODUCED", right)
    for name, broken in BROKEN.items():
        found = judged(cell, true, store, broken)
        asked = f"A1 of the retrieving heads, with an ablator {name}"
        yield Check(asked, str(found), found is Verdict.NOT_REPRODUCED)


def our_ablator(cell: Cell, sets: Sequence[Heads], store: Store) -> list[Answers]:
    """The ablator as it is."""
    return [one.correct for one in run_conditions(cell, sets, AblationChoice().of(cell), store)]


def judged(
    cell: Cell, order: Sequence[Head], store: Store, ablator: Ablator = our_ablator
) -> Verdict:
    """The verdict on ``PLANTED`` where heads are ranked in this order."""
    scores = [(head, float(len(order) - place)) for place, head in enumerate(order)]
    ranking = HeadRanking.from_entries(scores, cell.model.grid)
    (draw,) = matched_draws(1)
    control = drawn(cell, ranking, LEVEL, draw)
    unablated, *found = ablator(cell, [(), ranking.top(LEVEL), control], store)
    top, matched = ({LEVEL: answers} for answers in found)
    companies = {filing.name: filing.company for filing, _ in cell.test}
    outcomes = CellOutcomes(
        cell.question,
        cell.tokens,
        companies,
        unablated,
        top,
        {LAYER_MATCHED: [matched]},
        (LAYER_MATCHED,),
    )
    return judge(PLANTED, gap_evidence([outcomes], LEVEL))


def _never_fires(cell: Cell, sets: Sequence[Heads], store: Store) -> list[Answers]:
    return our_ablator(cell, [()] * len(sets), store)


def _takes_the_next_head(cell: Cell, sets: Sequence[Heads], store: Store) -> list[Answers]:
    by_layer = cell.model.grid.by_layer

    def next_to(of: Sequence[Head]) -> tuple[Head, ...]:
        return tuple(Head(head.layer, (head.head + 1) % by_layer[head.layer]) for head in of)

    shifted = [HeadsByItem(tuple(map(next_to, by_item(cell, one)))) for one in sets]
    return our_ablator(cell, shifted, store)


def _zeroes_the_output(cell: Cell, sets: Sequence[Heads], _: Store) -> list[Answers]:
    """Zeroes slices of what the output projection gives, as if heads lay side by side there."""
    from ablation.hooks.sites import head_sites
    from ablation.passes.generation import greedy_answers

    model, tokenizer = cell.model.loaded.model, cell.model.loaded.tokenizer
    sites = head_sites(model)

    def zeroed(layer: int, heads: Sequence[Head]) -> Callable[..., Any]:
        def hook(projection: Any, args: Any, output: Any) -> Any:
            width = output.shape[-1] // sites.layers[layer].heads
            for head in heads:
                output[..., head.head * width : (head.head + 1) * width] = 0
            return output

        return hook

    def answer(ids: Sequence[int], heads: Sequence[Head]) -> Answer:
        with ExitStack() as hooks:
            for site in sites.layers:
                of_layer = [head for head in heads if head.layer == site.layer]
                handle = site.projection.register_forward_hook(zeroed(site.layer, of_layer))
                hooks.callback(handle.remove)
            return greedy_answers(model, tokenizer, ids, [()])[0]

    found: list[Answers] = []
    for one in sets:
        pairs = zip(cell.test, by_item(cell, one), strict=True)
        items = graded(cell, [answer(prompt.ids, heads) for (_, prompt), heads in pairs])
        found.append({item.filing: item.correct for item in items})
    return found


BROKEN: Mapping[str, Ablator] = {
    "whose hooks never fire": _never_fires,
    "that takes the next head": _takes_the_next_head,
    "on the side of the output": _zeroes_the_output,
}
"""What is wrong with an ablator -> it; none of them may have a claim reproduced."""
