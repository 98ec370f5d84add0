"""The driver on a stand-in for Ray: whatever happens, each result is stored once, and whole."""

import pickle
import random
import sys
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from ablation.errors import ComputationError, Notice, notice
from experiments.cluster import staff as staffing
from experiments.cluster.connection import Workers
from experiments.cluster.driver import TRIES, Driver
from experiments.cluster.grid.tasks import Task
from experiments.cluster.staff import Staff
from experiments.cluster.worker import Worker
from experiments.store import Run, Store, WorkUnit
from experiments.store.folder import DamagedResult
from experiments.store.watch import Unwatched
from experiments.tests.cluster.fake_ray import FakeRay

pytest.importorskip("ray", reason="needs Ray: pip install -e '.[cluster]'")


MEANWHILE: list[Callable[[str], None]] = []
"""What happens while some squares are computed."""


@dataclass(frozen=True)
class Squares:
    """Squares numbers, but for those that it may not."""

    refused: tuple[int, ...] = ()

    def __call__(self, units):
        from ablation.errors import InvalidInput

        for unit in units:
            number = unit.key["number"]
            if number in self.refused:
                raise InvalidInput(f"{number} has no square here")
            for happens in MEANWHILE if number % 4 == 3 else ():
                happens("so_far")
            yield unit, ({"square": number**2}, {"seconds": 0.0, "time": ""})


class Noticing(Squares):
    """Squares that the user should know something about."""

    def __call__(self, units):
        notice("answers are greedy all the same")
        return super().__call__(units)


def unit(number):
    return WorkUnit("square", {"number": number}, f"square of {number}")


@dataclass
class Driven:
    """A store, tasks on it, and what was said."""

    store: Store
    ray: FakeRay
    said: list[str] = field(default_factory=list)

    def __call__(self, *tasks, workers=Workers()):
        staff = Staff(self.ray, workers, "cpu", self.said.append, lambda ray: None)
        Driver(staff, self.store, lambda name: Unwatched(), self.said.append).run(tasks)

    def squares(self, count):
        found = [self.store.find(unit(n)) for n in range(count)]
        return [one and one.result["square"] for one in found]

    @property
    def numbers(self):
        return [key["number"] for call in self.ray.called for key in call]


@pytest.fixture
def run(tmp_path, monkeypatch):
    for name in ("LOOK_S", "LATE_S"):
        monkeypatch.setattr(staffing, name, 0.0)
    monkeypatch.setattr("experiments.cluster.backlog.AGAIN_S", 0.0)
    monkeypatch.setattr("experiments.cluster.driver.WAIT_S", 0.0)
    return Driven(Store(tmp_path / "store", Run("run", "pytest")), FakeRay({"a": 2, "b": 1}))


def asking(count, compute=Squares(), at_once=8):
    def ask(store):
        store.all([unit(n) for n in range(count)], compute, at_once=at_once)

    return Task(f"{count} squares", "model", 1, ask)


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
    monkeypatch.setattr(sys.modules[__name__], "MEANWHILE", [run.ray.meanwhile])
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
    with pytest.raises(ComputationError, match="2 results .* 2 reason"):
        run(asking(30, Squares((4, 21))))
    assert [n for n in range(30) if run.store.find(unit(n)) is None] == [4, 21]
    assert sorted(run.numbers)[-1] == 29
    assert len(run.said) == 2
    assert "square of 4: 4 has no square here" in run.said[0]


def test_of_many_failures_for_one_reason_a_few_are_named(run, monkeypatch):
    monkeypatch.setattr(
        Squares, "__call__", lambda self, units: (_ for _ in ()).throw(KeyError("x"))
    )
    with pytest.raises(ComputationError, match="30 results could not .* 1 reason"):
        run(asking(30))
    assert len(run.said) == 6
    assert run.said[-1] == "failed: more for this reason: KeyError: 'x'"


def test_a_machine_that_comes_late_gets_work(run):
    run.ray.machines = {}
    looks = []
    nodes = run.ray.nodes

    def come_late():
        looks.append(0)
        if len(looks) == 3:
            run.ray.machines["late"] = 1
        return nodes()

    run.ray.nodes = come_late
    run(asking(5))
    assert run.squares(5) == [0, 1, 4, 9, 16]


def test_without_any_worker_a_run_ends_with_a_line(run, monkeypatch):
    monkeypatch.setattr("experiments.cluster.driver.PATIENCE_S", 0.3)
    run.ray.machines = {}
    with pytest.raises(ComputationError, match="no worker for .*: see that machines"):
        run(asking(5))


def test_a_machine_with_other_versions_is_refused_by_name(run, monkeypatch):
    theirs = iter([{"torch": "1.0"}] * 1)
    ours = Worker.versions
    monkeypatch.setattr(Worker, "versions", lambda self: next(theirs, None) or ours(self))
    run(asking(5))
    assert run.squares(5) == [0, 1, 4, 9, 16]
    (line,) = run.said
    assert line.startswith("a is not used: it has headclaims None and not ")
    assert "torch 1.0 and not " in line


@pytest.mark.parametrize("last_first", [False, True])
def test_a_machine_where_the_model_cannot_be_loaded_spoils_nothing(run, monkeypatch, last_first):
    """Whoever fails at once also answers first."""
    compute = Worker.compute
    failed: list[Worker] = []

    def fails(self, work, units):
        worker = self
        if not failed or worker in failed:
            failed.append(worker)
            monkeypatch.setattr(worker._unpacker, "unpacked", broken)
        return compute(self, work, units)

    def broken(data):
        raise FileNotFoundError("no config.json")

    monkeypatch.setattr(Worker, "compute", fails)
    run.ray.pick = lambda references: references[-last_first]
    run(asking(60))
    assert run.squares(60) == [n**2 for n in range(60)]
    assert run.said == []  # the next worker of the machine can


def test_a_machine_whose_workers_cannot_load_a_model_again_and_again_is_named(run, monkeypatch):
    from experiments.cluster.sent import Unpacker

    def unpacked(self, data):
        raise OSError("no space left for the copy")

    monkeypatch.setattr(Unpacker, "unpacked", unpacked)
    run.ray.machines = {"a": 1}
    with pytest.raises(ComputationError, match="5 results could not .* 1 reason"):
        run(asking(5))
    assert run.said[0] == "a is not used for model: OSError: no space left for the copy"


def test_failures_to_load_a_model_are_forgotten_where_another_worker_loads_it(run):
    staff = Staff(run.ray, Workers(), "cpu", run.said.append, lambda ray: None)
    staff.look(now=True)
    first, second = (one for one in staff.hired if one.name.startswith("a/"))
    for worker in (first, second):
        for _ in range(staffing.TRIES - 1):
            staff.refuse_model(worker, "model", "no memory", for_good=False)
        staff.achieved(worker, "another")
        staff.achieved(worker, "model")
    assert staff.can(first, "model")
    # One that goes on shows nothing new: the next may fail for ever.
    for _ in range(staffing.TRIES):
        staff.refuse_model(second, "model", "no memory", for_good=False)
        staff.achieved(first, "model")
    assert not staff.can(first, "model")


def test_a_unit_that_two_tasks_want_fails_once(run):
    with pytest.raises(ComputationError, match="1 results could not be computed"):
        run(asking(12, Squares((4,))), asking(15, Squares((4,))))
    assert len(run.said) == 1


def test_where_all_workers_die_machines_are_refused_and_the_run_ends(run, monkeypatch):
    monkeypatch.setattr("experiments.cluster.driver.PATIENCE_S", 0.3)
    deaths = []

    def dies(machine, units):
        deaths.extend([machine] * bool(units))
        return bool(units)

    run.ray.dies = dies
    with pytest.raises(ComputationError, match="no worker for "):
        run(asking(1000))
    assert len(deaths) <= 2 * staffing.MOST_DEATHS
    refused = [line for line in run.said if "is not used: all workers die there" in line]
    assert sorted(line[0] for line in refused) == ["a", "b"]


def test_what_workers_of_a_refused_machine_were_at_is_given_to_others(run, monkeypatch):
    """One of two workers of a machine dies again and again, while the other one is at work."""
    monkeypatch.setattr(staffing, "MOST_DEATHS", 2)
    nodes = run.ray.nodes
    looks = iter(range(2_000))

    def looked():
        next(looks)  # StopIteration: it goes round and round
        return nodes()

    run.ray.nodes = looked
    # After three greetings each worker has two pieces: the first of a, and b, are slow.
    slow = (4, 5, 8, 9)
    run.ray.pick = lambda calls: min(calls, key=lambda call: (call > 3, call in slow))
    run.ray.dies = lambda machine, units: machine == "a" and bool(units)
    run(asking(40))
    assert [line for line in run.said if line.startswith("a is not used: all workers die there")]
    assert run.squares(40) == [n**2 for n in range(40)]


def test_a_model_that_no_machine_can_load_is_given_up_and_the_others_go_on(run, monkeypatch):
    from experiments.cluster.sent import Unpacker, WrongModel

    def unpacked(self, data):
        compute = pickle.loads(data)
        if compute.refused:
            raise WrongModel("gated: no access")
        return compute

    monkeypatch.setattr(Unpacker, "unpacked", unpacked)

    def lacking(store):
        store.all([unit(n) for n in range(100, 130)], Squares((7,)), at_once=8)

    with pytest.raises(ComputationError, match="30 results could not .* 1 reason"):
        run(Task("thirty", "gated", 1, lacking), asking(20))
    assert run.squares(20) == [n**2 for n in range(20)]
    said = [line for line in run.said if "is not used for gated: gated: no access" in line]
    assert sorted(line[0] for line in said) == ["a", "b"]


def test_models_that_nobody_who_is_ready_can_load_keep_no_other_waiting(run, monkeypatch):
    from experiments.cluster.sent import Unpacker, WrongModel

    monkeypatch.setattr("experiments.cluster.driver.PLANNED", 5)
    monkeypatch.setattr("experiments.cluster.driver.PATIENCE_S", 0.0)
    run.ray.machines = {"a": 1, "b": 1}
    unpackers: list[object] = []

    def unpacked(self, data):
        unpackers.extend([self] * (self not in unpackers))
        compute = pickle.loads(data)
        if compute.refused and self is unpackers[0]:
            raise WrongModel("other files")
        return compute

    monkeypatch.setattr(Unpacker, "unpacked", unpacked)
    run.ray.pick = lambda calls: min(calls, key=lambda call: call == 2)  # b starts late

    def gated(store):
        store.all([unit(n) for n in range(100, 130)], Squares((7,)), at_once=8)

    run(Task("thirty", "gated", 1, gated), asking(20))
    assert run.squares(20) == [n**2 for n in range(20)]
    assert run.store.find(unit(129)) is not None
    assert sorted(run.numbers[-30:]) == list(range(100, 130))
    assert any("no worker has taken what is left" in line for line in run.said)


def test_a_machine_that_goes_charges_no_unit_with_it(run):
    gone: list[str] = []

    def dies(machine, units):
        if units and len(gone) < 2 * TRIES:
            gone.append(machine)
            del run.ray.machines[machine]
            run.ray.machines[f"another {len(gone)}"] = 1
            return True
        return False

    run.ray.machines = {"a": 1}

    run.ray.dies = dies
    run(asking(1))
    assert run.squares(1) == [0]


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


def test_workers_that_are_sent_away_have_not_died(run, monkeypatch):
    """Machines with another model and two workers each: no unit is charged with their end."""
    from experiments.cluster.sent import Unpacker, WrongModel

    run.ray.machines = {"a": 2, "b": 2, "c": 2, "d": 1}
    calls = iter(range(100))

    def unpacked(self, data):
        if next(calls) < 3:
            raise WrongModel("other files")
        return pickle.loads(data)

    monkeypatch.setattr(Unpacker, "unpacked", unpacked)
    run(asking(1))
    assert run.squares(1) == [0]
    assert not any("died" in line for line in run.said)


def test_a_machine_with_another_model_is_refused_by_name(run, monkeypatch):
    from experiments.cluster.sent import Unpacker, WrongModel

    bad = iter([True])

    def unpacked(self, data):
        if next(bad, False):
            raise WrongModel("model x has other files here than where the run was started")
        return pickle.loads(data)

    monkeypatch.setattr(Unpacker, "unpacked", unpacked)
    run(asking(20))
    assert run.squares(20) == [n**2 for n in range(20)]
    (line,) = run.said
    assert "is not used for model: model x has other files here" in line


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
