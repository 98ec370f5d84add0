"""The driver on a stand-in for Ray: whatever happens, each result is stored once, and whole."""

import random

import pytest

from ablation.errors import ComputationError, Notice
from experiments.cluster import staff as staffing
from experiments.cluster.connection import Workers
from experiments.cluster.driver import TRIES, Driver
from experiments.cluster.grid.tasks import Task
from experiments.cluster.staff import Staff
from experiments.cluster.worker import Worker
from experiments.store import Run, Store
from experiments.store.folder import DamagedResult
from experiments.store.watch import Unwatched
from experiments.tests.cluster.fake_ray import Driven, FakeRay, Noticing, Squares, asking, unit

pytest.importorskip("ray", reason="needs Ray: pip install -e '.[cluster]'")


def test_everything_is_computed_once_and_stored(run):
    run(asking(50))
    assert run.squares(50) == [n**2 for n in range(50)]
    assert sorted(run.numbers) == list(range(50))
    assert run.store.find(unit(7)).provenance["node"]
    assert run.said == []


def test_what_workers_notice_is_said(run):
    with pytest.warns(Notice, match="answers are greedy all the same"):
        run(asking(50, Noticing()))
    assert run.squares(50) == [n**2 for n in range(50)]
    assert run.said == []


def test_the_last_pieces_are_small(run):
    run(asking(100))
    sizes = [len(call) for call in run.ray.called]
    assert sizes[0] == 8
    assert sizes[-1] == 1


def test_what_is_stored_is_not_computed_again(run):
    run(asking(10))
    run(asking(20))
    assert sorted(run.numbers) == list(range(20))


def test_what_depends_on_results_is_asked_for_when_they_are_there(run):
    def ask(store):
        (three,) = store.all([unit(3)], Squares(), at_once=1)
        store.all([unit(three.result["square"])], Squares(), at_once=1)

    run(Task("a square of a square", "model", 1, ask))
    assert run.numbers == [3, 9]


def test_a_damaged_result_that_others_depend_on_is_computed_again(run):
    def ask(store):
        (three,) = store.all([unit(3)], Squares(), at_once=1)
        store.all([unit(three.result["square"])], Squares(), at_once=1)

    run(asking(4))
    run.store.path(unit(3)).write_text("cut off")
    again = Driven(Store(run.store.root, Run("another", "pytest")), FakeRay({"a": 1}))
    with pytest.warns(DamagedResult):
        again(Task("a square of a square", "model", 1, ask))
    assert again.numbers == [3, 9]
    assert again.squares(4) == [0, 1, 4, 9]


def test_a_damaged_result_is_computed_again_beside_a_unit_that_fails(run):
    def ask(store):
        store.all([unit(5)], Squares(refused=(5,)), at_once=1, wait=False)
        store.all([unit(1)], Squares(), at_once=1)
        (three,) = store.all([unit(3)], Squares(), at_once=1)
        store.all([unit(three.result["square"])], Squares(), at_once=1)

    run(asking(4))
    run.store.path(unit(3)).write_text("cut off")
    run.store.path(unit(1)).unlink()
    again = Driven(Store(run.store.root, Run("another", "pytest")), FakeRay({"a": 1}))
    with pytest.warns(DamagedResult), pytest.raises(ComputationError):
        again(Task("a square of a square", "model", 1, ask))
    assert again.squares(10)[3::6] == [9, 81]


def test_two_tasks_that_want_the_same_share_it(run):
    run(asking(20), asking(25))
    assert sorted(run.numbers) == list(range(25))


def test_a_worker_that_dies_loses_only_what_it_was_at(run):
    deaths: list[str] = []

    def dies(machine, units):
        if len(deaths) < 3 and any(key["number"] == 5 for _, key, _ in units):
            deaths.append(machine)
            return True
        return False

    run.ray.dies = dies
    run(asking(40, at_once=4))
    assert run.squares(40) == [n**2 for n in range(40)]
    assert len(deaths) == 3
    assert sorted(run.numbers) == list(range(40))


@pytest.mark.parametrize("seed", range(5))
def test_a_worker_tells_what_it_has_finished_before_it_ends(run, monkeypatch, seed):
    monkeypatch.setattr(staffing, "TELL_S", 0.0)
    told = []

    def so_far(self):
        told.extend(lines := _so_far(self))
        return lines

    _so_far = Worker.so_far
    monkeypatch.setattr(Worker, "so_far", so_far)
    monkeypatch.setattr("experiments.tests.cluster.fake_ray.MEANWHILE", [run.ray.meanwhile])
    run.ray.pick = random.Random(seed).choice
    run(asking(50))
    assert run.squares(50) == [n**2 for n in range(50)]
    assert sorted(run.numbers) == list(range(50))
    assert run.said == []
    assert told


def test_a_unit_that_kills_every_worker_is_given_up_and_named(run):
    run.ray.dies = lambda machine, units: any(key["number"] == 5 for _, key, _ in units)
    with pytest.raises(ComputationError, match="1 results could not be computed"):
        run(asking(16))
    assert [n for n in range(16) if run.store.find(unit(n)) is None] == [5]
    (line,) = run.said
    assert f"square of 5: {TRIES} workers have died over it" in line


def test_a_unit_that_raises_is_named_and_the_others_go_on(run):
    with pytest.raises(ComputationError, match="2 results .* 1 reason"):
        run(asking(30, Squares((4, 21))))
    assert [n for n in range(30) if run.store.find(unit(n)) is None] == [4, 21]
    assert sorted(run.numbers)[-1] == 29
    assert len(run.said) == 2
    assert "square of 4: 4 has no square here" in run.said[0]


def test_reasons_that_differ_in_a_number_are_one(run):
    with pytest.raises(ComputationError, match="9 results could not .* 1 reason"):
        run(asking(30, Squares(tuple(range(9)))))
    assert len(run.said) == 6
    assert run.said[-1].startswith("failed: more for this reason: ")


def test_of_many_failures_for_one_reason_a_few_are_named(run, monkeypatch):
    monkeypatch.setattr(
        Squares, "__call__", lambda self, units: (_ for _ in ()).throw(KeyError("x"))
    )
    with pytest.raises(ComputationError, match="30 results could not .* 1 reason"):
        run(asking(30))
    assert len(run.said) == 6
    assert run.said[-1] == "failed: more for this reason: KeyError: 'x'"


def test_a_unit_that_two_tasks_want_fails_once(run):
    with pytest.raises(ComputationError, match="1 results could not be computed"):
        run(asking(12, Squares((4,))), asking(15, Squares((4,))))
    assert len(run.said) == 1


def test_workers_that_wait_for_room_find_what_others_have_stored(run, monkeypatch):
    for name in ("PATIENCE_S", "STORED_S"):
        monkeypatch.setattr(f"experiments.cluster.driver.{name}", 0.0)
    started: list[bool] = []

    def others(references, timeout):
        if not started:
            started.append(True)
            for number in range(10):
                run.store.put(unit(number), {"square": number**2}, {"seconds": 0.0, "time": ""})
        return [], references

    monkeypatch.setattr(run.ray, "wait", others)
    other = Driven(Store(run.store.root, Run("another", "pytest")), run.ray)
    other(asking(10))
    assert run.ray.called == []
    assert "no worker has taken what is left for" in other.said[0]


def test_a_result_of_a_later_schema_ends_no_run(run, monkeypatch):
    lines = ['{"schema": 99}', 5]
    monkeypatch.setattr(Worker, "compute", lambda self, work, units: (lines, None, []))
    with pytest.raises(ComputationError, match="3 results could not be computed"):
        run(asking(3))


def test_a_result_that_is_no_document_or_of_something_else_is_not_stored(run, monkeypatch):
    monkeypatch.setattr(
        Worker, "compute", lambda self, work, units: (["{}"] * len(units), None, [])
    )
    with pytest.raises(ComputationError, match="5 results could not be computed"):
        run(asking(5))
    assert "no result came back" in run.said[0]
    assert not list((run.store.root / "documents").glob("*/*/*.json"))


def test_a_store_that_cannot_be_written_ends_the_run_and_its_workers(run, monkeypatch):
    from ablation.errors import ResultsError

    def full(self, *_):
        raise ResultsError("no space left")

    monkeypatch.setattr(Store, "keep", full)
    staff = Staff(run.ray, Workers(), "cpu", run.said.append, lambda ray: None)
    with pytest.raises(ResultsError, match="no space left"):
        Driver(staff, run.store, lambda name: Unwatched(), run.said.append).run([asking(5)])
    assert staff.hired == []


def test_what_another_driver_is_at_is_left_to_it(run):
    held = run.store.lock(unit(2))
    released: list[bool] = []

    def release(machine, units):
        # When all else has been asked for.
        if not released and len(run.numbers) == 9:
            held.release()
            released.append(True)
        return False

    run.ray.dies = release
    with held:
        run(asking(10, at_once=1))
    assert run.numbers[-1] == 2
