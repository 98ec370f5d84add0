"""Workers that need the same cells share the work: each takes what no other is at."""

import itertools
from dataclasses import replace

import pytest

from ablation.detection import QRHEAD
from ablation.detection.controls import LAYER_MATCHED, UNIFORM
from ablation.detection.methods import rank_heads
from ablation.detection.ranking import HeadRanking
from ablation.errors import InvalidInput
from ablation.filings.synthetic import synthetic_filings
from ablation.heads import Head, HeadGrid
from ablation.models.model import open_model
from ablation.models.registry import model_spec
from ablation.tests.support.tiny_models import tiny_directory
from experiments.cells import conditions
from experiments.cells.cell import build_cell
from experiments.cells.choices import AblationChoice
from experiments.cells.conditions import HeadsByItem, answer_units, answers, run_conditions
from experiments.cells.detection import scores_units
from experiments.cells.noise import noise_unit
from experiments.cells.plan import AblationPlan, check_plan
from experiments.cells.runner import CellRunner, ResultsFolder
from experiments.store import Run, Store

PLAN = AblationPlan(levels=(2, 3))
CONDITIONS = 1 + 2 + 2 + 2  # unablated; top, uniform and layer-matched heads


@pytest.mark.parametrize(
    ("levels", "uniform"), [((5, 10, 20, 50), (10, 50)), ((10, 20), (10,)), ((2, 3), (2, 3))]
)
def test_further_uniform_draws_are_taken_at_some_levels(levels, uniform):
    plan = AblationPlan(levels, control_draws=2)
    by_kind = {draw.kind: plan.levels_of(draw) for draw in plan.further_draws()}
    assert by_kind == {LAYER_MATCHED: levels, UNIFORM: uniform}


@pytest.fixture(scope="module")
def cells(tmp_path_factory):
    """Two cells of a model of 128 heads."""
    directory = tiny_directory(tmp_path_factory.mktemp("models") / "tiny", layers=2, heads=64)
    model = open_model(model_spec(str(directory)))
    return [
        build_cell(model, synthetic_filings(6), question, 350)
        for question in ("inc_state", "hq_state")
    ]


@pytest.fixture
def runner_of(tmp_path):
    def runner(name="run", **options):
        store = Store(tmp_path / "store", Run(name, "pytest"), **options)
        return CellRunner(store, ResultsFolder(tmp_path / name), PLAN)

    return runner


def stored(runner):
    return stored_in(runner.store)


def stored_in(store):
    return {path.stem for path in store.root.glob("documents/*/??/*.json")}


def everything(runner, cells):
    for cell in cells:
        runner.ablate(cell)
        runner.controls(cell)
    runner.noise(cells[0])
    return stored(runner)


def counted(monkeypatch):
    """Under how many conditions the model answers in each call, to all items."""
    calls: list[int] = []
    whole = conditions.answers

    def answers(cell, wanted, *arguments, **options):
        conditions, rest = divmod(sum(map(len, wanted.values())), len(cell.test))
        assert rest == 0
        calls.append(conditions)
        return whole(cell, wanted, *arguments, **options)

    monkeypatch.setattr(conditions, "answers", answers)
    return calls


def test_levels_that_leave_no_control_are_refused_with_what_helps():
    few = HeadGrid.even(4, 8)
    check_plan(AblationPlan((1, 16)), few)
    check_plan(AblationPlan((1, 32), controls=()), few)
    with pytest.raises(InvalidInput, match="has 32 heads in all: .* fewer --levels, or --skip"):
        check_plan(AblationPlan((1, 17)), few)


@pytest.mark.slow
def test_what_other_processes_are_at_is_left_to_them(cells, runner_of):
    first, second = cells
    unablated, *_ = answer_units(first, (), AblationChoice().of(first))
    scores, *others = scores_units(second, QRHEAD)
    noise = noise_unit(first)
    runner = runner_of()
    with runner.store.lock(unablated), runner.store.lock(scores):
        runner.share(cells)
        # Nothing of a cell goes without its ranking, and the noise is of the first cell's answers.
        detected = len(first.detection) + len(others)
        assert len(stored(runner)) == detected + CONDITIONS * len(first.test) - 1
        assert not {unablated.digest, scores.digest, noise.digest} & stored(runner)
    # What was left is computed by whoever reads it and finds that nobody is at it.
    prompts = sum(len(cell.detection) + CONDITIONS * len(cell.test) for cell in cells)
    assert len(everything(runner, cells)) == prompts + 1


@pytest.mark.slow
def test_a_filing_that_is_added_is_scored_alone_and_the_ranking_is_of_all(cells, runner_of):
    fewer, (_, added) = replace(cells[0], detection=cells[0].detection[:-1]), cells[0].detection[-1]
    runner = runner_of()
    runner.detect(fewer)
    before = stored(runner)
    found = runner.detect(cells[0])
    new = {unit.digest for unit in scores_units(cells[0], QRHEAD)} - before
    assert stored(runner) - before == new
    assert len(new) == 1
    loaded = cells[0].model.loaded
    prompts = [prompt for _, prompt in cells[0].detection]
    wanted = rank_heads(loaded.model, loaded.tokenizer, prompts).ranking
    assert HeadRanking.from_json(found, loaded.grid).top(50) == wanted.top(50)
    assert found["samples_processed"] == len(prompts)
    assert added in prompts


@pytest.mark.slow
def test_conditions_are_claimed_a_few_at_a_time_and_computed_once(cells, runner_of, monkeypatch):
    calls = counted(monkeypatch)
    everything(runner_of("first"), cells)
    # Unablated, top and uniform heads, then the layer-matched ones, by item.
    assert calls == 2 * [4, 1, 2]
    everything(runner_of("second"), cells)
    assert len(calls) == 6
    everything(runner_of("third", fresh=True), cells)
    assert calls[6:] == 2 * [4, 1, 2]


@pytest.mark.slow
def test_exported_files_are_the_same_whoever_computed(cells, runner_of):
    runners = [runner_of(name) for name in ("first", "second")]
    for runner in runners:
        everything(runner, cells)
    files = [
        {path.relative_to(runner.results.root): path.read_bytes() for path in folder}
        for runner in runners
        for folder in [runner.results.root.rglob("*.json")]
    ]
    assert files[0] == files[1]
    assert len(files[0]) == 6


def test_items_have_heads_of_their_own(cells, tmp_path):
    cell, store = cells[0], Store(tmp_path / "store", Run("run", "pytest"))
    how = AblationChoice().of(cell)
    own = HeadsByItem(tuple((Head(0, item), Head(1, item)) for item in range(len(cell.test))))
    same = HeadsByItem((own.of[0],) * len(cell.test))
    one, all_alike, plain = run_conditions(cell, [own, same, own.of[0]], how, store)
    assert answer_units(cell, same, how) == answer_units(cell, own.of[0], how)
    assert all_alike.items == plain.items
    # The first item has the same heads in all of them.
    assert len(stored_in(store)) == 2 * len(cell.test) - 1
    for place, item in enumerate(one.items):
        ((found,),) = answers(cell, {own.of[place]: [place]}, how.made)
        sure = pytest.approx(item.log_probability, rel=1e-3)
        assert found == (own.of[place], place, (item.answer, sure))
    assert run_conditions(cell, [own], how, store)[0].items == one.items
    with pytest.raises(InvalidInput, match="items of the cell are required, got them for 1"):
        run_conditions(cell, [HeadsByItem(own.of[:1])], how, store)


def test_an_answer_is_kept_once_it_is_found(cells, tmp_path, monkeypatch):
    cell, store = cells[0], Store(tmp_path / "store", Run("run", "pytest"))
    whole = conditions.answers

    def killed_after_the_second_set(*arguments, **options):
        yield from itertools.islice(whole(*arguments, **options), 2)
        raise KeyboardInterrupt

    monkeypatch.setattr(conditions, "answers", killed_after_the_second_set)
    sets = [(), (Head(0, 0),), (Head(1, 1),)]
    with pytest.raises(KeyboardInterrupt):
        run_conditions(cell, sets, AblationChoice().of(cell), store)
    assert len(stored_in(store)) == 2 * len(cell.test)


@pytest.mark.slow
def test_long_prompts_are_claimed_few_at_a_time(cells, tmp_path, monkeypatch):
    cell, store = cells[0], Store(tmp_path / "store", Run("run", "pytest"))
    monkeypatch.setattr(conditions, "TOKENS_AT_ONCE", cell.tokens)
    asked, whole = [], conditions.answers

    def answers(cell, wanted, *arguments, **options):
        asked.append([sorted(items) for items in wanted.values()])
        return whole(cell, wanted, *arguments, **options)

    monkeypatch.setattr(conditions, "answers", answers)
    sets = [(Head(0, head),) for head in range(6)]
    found = run_conditions(cell, sets, AblationChoice().of(cell), store)
    assert sorted(map(len, asked)) == sorted(len(cell.test) * [2, 4])
    assert all(len({tuple(items) for items in sets}) == 1 for sets in asked)
    monkeypatch.undo()
    other = Store(tmp_path / "other", Run("run", "pytest"))
    again = run_conditions(cell, sets, AblationChoice().of(cell), other)
    assert [one.items for one in found] == [one.items for one in again]
