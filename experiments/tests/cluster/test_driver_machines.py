"""The driver on machines that come, go, or cannot load a model, and on those that are not ours."""

import pickle

import pytest

from ablation.errors import ComputationError
from experiments.cluster import staff as staffing
from experiments.cluster.connection import Workers
from experiments.cluster.driver import TRIES
from experiments.cluster.grid.tasks import Task
from experiments.cluster.staff import Staff
from experiments.cluster.worker import Worker
from experiments.tests.cluster.fake_ray import Squares, asking, unit

pytest.importorskip("ray", reason="needs Ray: pip install -e '.[cluster]'")


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
