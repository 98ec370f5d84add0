"""A cell as the report shows it: its conditions, what each item was answered under them, curves."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import exp
from typing import Any

from ablation.detection.controls import LAYER_MATCHED, UNIFORM, ControlDraw
from ablation.detection.ranking import HeadRanking
from ablation.filings.filing import question_by_key
from ablation.heads import Head
from ablation.stats.interval import Interval
from experiments.cells.cell import Cell
from experiments.cells.conditions import Heads, by_item, run_conditions
from experiments.cells.controls import control_sets
from experiments.cells.detection import detected
from experiments.cells.gap import DESCRIBED
from experiments.cells.grading import Outcomes
from experiments.cells.names import CellName
from experiments.cells.outcomes import Answers, CellOutcomes, accuracy
from experiments.cells.plan import AblationPlan, conditions
from experiments.store import Document, Store

UNABLATED, TOP = "unablated", "top"


@dataclass(frozen=True)
class Condition:
    """What was ablated together.

    Attributes:
        kind: ``unablated``, ``top``, a kind of control, or one of ``other_studies``.
        level: how many heads.
        draw: of a control: which one, in words.
        heads: which, in all items or by item.
        title: what readers call it, where that does not follow from the rest.
    """

    kind: str
    level: int = 0
    draw: str = ""
    heads: Heads = ()
    title: str = ""

    @property
    def name(self) -> str:
        """What readers call it, as in "top 10"."""
        if self.title:
            return self.title
        if self.kind == UNABLATED:
            return self.kind
        kind = self.kind if self.kind == TOP else f"{DESCRIBED[self.kind]} random"
        return f"{kind} {self.level}{f', {self.draw}' if self.draw else ''}"


@dataclass(frozen=True)
class ReportedCell:
    """A cell with all that the evidence holds of it.

    Attributes:
        name: the cell.
        cell: model and prompts.
        ranking: its heads, by the method of the plan.
        asked: all conditions of the plan.
        found: condition -> the answers under it; what the evidence lacks is not there.
        scores: what the ranking is of.
        others: the same of other studies, none of which is asked for.
    """

    name: CellName
    cell: Cell
    ranking: HeadRanking
    asked: Sequence[Condition]
    found: Mapping[Condition, Outcomes]
    scores: Sequence[Document]
    others: Mapping[Condition, Outcomes] = field(default_factory=dict)

    @property
    def answered(self) -> dict[Condition, Outcomes]:
        """All conditions with answers, the unablated one first."""
        return {**self.found, **self.others}

    @property
    def lacking(self) -> list[Condition]:
        """The conditions of the plan without answers."""
        return [condition for condition in self.asked if condition not in self.found]

    @property
    def documents(self) -> Iterator[Document]:
        """All results that the cell is shown from."""
        yield from self.scores
        for outcomes in self.answered.values():
            yield from outcomes.answers

    @property
    def draws(self) -> dict[str, list[str]]:
        """Kind of a control -> its draws, in the order of ``outcomes``."""
        found: dict[str, dict[str, None]] = {UNIFORM: {}, LAYER_MATCHED: {}}
        for condition in self.asked:
            if condition.kind in found:
                found[condition.kind][condition.draw] = None
        return {kind: list(draws) for kind, draws in found.items()}

    @cached_property
    def outcomes(self) -> CellOutcomes:
        """As the claims are judged from them."""
        levels: dict[int, Answers] = {}
        controls: dict[str, dict[str, dict[int, Answers]]] = {UNIFORM: {}, LAYER_MATCHED: {}}
        own_sets = set()
        for condition in self.asked:
            # Every draw has its place, also where nothing of it is there.
            if condition.kind in controls:
                controls[condition.kind].setdefault(condition.draw, {})
        for condition, outcomes in self.found.items():
            if condition.kind == TOP:
                levels[condition.level] = outcomes.correct
            elif condition.kind != UNABLATED:
                draws = controls[condition.kind]
                draws.setdefault(condition.draw, {})[condition.level] = outcomes.correct
                if not isinstance(condition.heads, Sequence):
                    own_sets.add(condition.kind)
        unablated = self.found[Condition(UNABLATED)]
        return CellOutcomes(
            self.cell.question,
            self.cell.tokens,
            unablated.companies,
            unablated.correct,
            levels,
            {kind: list(draws.values()) for kind, draws in controls.items()},
            own_sets,
        )


def reported_cell(
    name: CellName, cell: Cell, plan: AblationPlan, store: Store
) -> ReportedCell | None:
    """What ``store``, which computes nothing, has of a cell; None without ranking and answers.

    Raises:
        InvalidInput: no head was found, or levels that the model has too few heads for.
        ResultsError: a stored result cannot be read.
    """
    detection = detected(cell, [plan.method], store, wait=False)
    if detection is None:
        return None
    ranking = detection[0].ranking
    asked = list(_conditions(cell, plan, ranking))
    head_sets = [condition.heads for condition in asked]
    found = run_conditions(cell, head_sets, plan.ablation.of(cell), store, wait=False)
    known = {
        condition: outcomes
        for condition, outcomes in zip(asked, found, strict=True)
        if outcomes is not None
    }
    if Condition(UNABLATED) not in known:
        return None
    return ReportedCell(name, cell, ranking, asked, known, detection[0].scores)


def _conditions(cell: Cell, plan: AblationPlan, ranking: HeadRanking) -> Iterator[Condition]:
    first = f"seed {plan.control_seed}"
    for condition in conditions(plan, ranking):
        kind, named = (UNIFORM, first) if condition.kind == "random" else (condition.kind, "")
        yield Condition(kind, len(condition.heads), named, condition.heads)
    for draw in plan.further_draws():
        for level, heads in control_sets(cell, ranking, plan, draw).items():
            yield Condition(draw.kind, level, draw_in_words(draw), heads)


def draw_in_words(draw: ControlDraw) -> str:
    """Which draw it is, in words."""
    return "own heads for each item" if draw.by_item else f"seed {draw.seed}"


def cell_summary(reported: ReportedCell) -> dict[str, Any]:
    """What a page knows of a cell before its items are looked at."""
    cell = reported.cell
    return {
        "id": str(reported.name),
        "model": cell.model.spec.key,
        "question": cell.question,
        "asked": question_by_key(cell.question).text,
        "tokens": cell.tokens,
        "items": len(cell.test),
        "conditions": [
            {
                "name": condition.name,
                "kind": condition.kind,
                "level": condition.level,
                "draw": condition.draw,
                "correct": sum(outcomes.correct.values()),
            }
            for condition, outcomes in reported.answered.items()
        ],
        "lacking": sorted(one.level for one in reported.lacking if one.kind == TOP),
        "curve": curve([reported.outcomes], reported.draws),
    }


def cell_items(reported: ReportedCell, tokenizer: Any) -> dict[str, Any]:
    """The answers to every item of a cell under every condition, and the heads ablated in it.

    Answers are numbers into a list of the different ones, which says where their tokens end; heads
    are numbered layer by layer. How sure the model was is in percent, None where it was not noted.
    """
    cell, number = reported.cell, {head: n for n, head in enumerate(reported.cell.model.grid)}
    answers: dict[str, int] = {}
    answered = reported.answered
    rows = [outcomes.items for outcomes in answered.values()]
    items = []
    for place, (filing, _) in enumerate(cell.test):
        given = [row[place] for row in rows]
        items.append(
            {
                "filing": filing.name,
                "company": filing.company,
                "truth": given[0].truth,
                "answers": [answers.setdefault(one.answer, len(answers)) for one in given],
                "right": "".join("01"[one.correct] for one in given),
                "sure": [_percent(one.log_probability) for one in given],
            }
        )
    heads = [_numbers(cell, condition.heads, number) for condition in answered]
    ends = [_token_ends(tokenizer, answer) for answer in answers]
    return {"answers": list(answers), "ends": ends, "items": items, "heads": heads}


def _percent(log_probability: Any) -> float | None:
    # What was imported may be anything.
    if not isinstance(log_probability, int | float) or log_probability > 0.01:
        return None
    return float(f"{100 * exp(log_probability):.2g}")


def _token_ends(tokenizer: Any, text: str) -> list[int]:
    """Where the tokens of ``text`` end, counted as a page counts: in units of UTF-16."""
    offsets = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    ends = dict.fromkeys(end for _, end in offsets["offset_mapping"])
    return [len(text[:end].encode("utf-16-le", "surrogatepass")) // 2 for end in ends]


def _numbers(cell: Cell, heads: Heads, number: Mapping[Head, int]) -> Any:
    """The numbers of a condition's heads: a list, or one for each item where each has its own."""
    if isinstance(heads, Sequence):
        return {"all": [number[head] for head in heads]}
    return {"by_item": [[number[head] for head in of] for of in by_item(cell, heads)]}


def curve(
    cells: Sequence[CellOutcomes], draws: Mapping[str, Sequence[str]]
) -> list[dict[str, Any]]:
    """The share of right answers by number of heads ablated, pooled over cells.

    Top heads and controls with their 95% interval; of several draws their mean and each one.

    Args:
        cells: what was answered in them.
        draws: kind of a control -> its draws, in their order in ``cells``.
    """
    unablated = accuracy(cells, [[cell.unablated for cell in cells]])
    rows = [_row("top heads", "", 0, unablated) | {"kind": UNABLATED, "of": [""]}]
    for level in cells[0].top:
        if all(level in cell.top for cell in cells):
            top = [[cell.top[level] for cell in cells]]
            found = accuracy(cells, top)
            rows.append(_row("top heads", "", level, found) | {"kind": TOP, "of": [""]})
    for kind in (LAYER_MATCHED, UNIFORM):
        for row, of in _of_controls(cells, kind):
            rows.append(row | {"kind": kind, "of": [draws[kind][number] for number in of]})
    return rows


def _of_controls(
    cells: Sequence[CellOutcomes], kind: str
) -> Iterator[tuple[dict[str, Any], list[int]]]:
    """The mean of the draws that have every level, with its interval; and every draw.

    Each with the numbers of the draws that it is of.
    """
    series = f"{DESCRIBED[kind]} random heads"
    # A draw of one seed holds much the same heads in every cell.
    draws = list(zip(*(cell.controls[kind] for cell in cells), strict=True))
    levels = sorted({level for draw in draws for of_cell in draw for level in of_cell})
    whole = [n for n, of in enumerate(draws) if all(set(levels) == {*cell} for cell in of)]
    for level in levels if whole else ():
        answers = [[of_cell[level] for of_cell in draws[n]] for n in whole]
        yield _row(series, "", level, accuracy(cells, answers)), whole
    for n, draw in enumerate(draws, start=1) if len(draws) > 1 else ():
        for level in levels:
            if all(level in of_cell for of_cell in draw):
                share, _ = accuracy(cells, [[of_cell[level] for of_cell in draw]])
                yield _row(series, f"draw {n}", level, (share, None)), [n - 1]


def _row(
    series: str, draw: str, level: int, found: tuple[float, Interval | None]
) -> dict[str, Any]:
    share, interval = found
    low, high = interval or (None, None)
    return {
        "series": series,
        "draw": draw,
        "heads": level,
        "right": round(100 * share, 2),
        "low": low if low is None else round(100 * max(0.0, low), 2),
        "high": high if high is None else round(100 * min(1.0, high), 2),
    }
