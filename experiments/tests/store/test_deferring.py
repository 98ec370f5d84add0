"""A store that defers computes nothing, says what is missing, and stops who needs it."""

import pytest

from experiments.store import Run, Store, WorkUnit
from experiments.store.deferring import IN_TURN_AT_ONCE, Deferring, NotYet
from experiments.store.folder import DamagedResult


def units(count):
    return [WorkUnit("made_up", {"number": number}, f"unit {number}") for number in range(count)]


def some(wanted):
    for unit in wanted:
        yield unit, ({"number": unit.key["number"]}, {"seconds": 0.0})


def in_turn(wanted):
    for unit, computed in some(wanted):
        yield unit, lambda computed=computed: computed


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store", Run("run", "pytest"))


@pytest.fixture
def deferring(store):
    return Deferring(store.root, store.run)


def test_what_is_missing_is_noted_and_nothing_is_computed(store, deferring):
    first, *others = units(3)
    store.once(first, lambda: ({"number": 0}, {}))
    found = deferring.all([first, *others], some, at_once=2, wait=False)
    assert [one and one.result["number"] for one in found] == [0, None, None]
    (job,) = deferring.jobs
    assert (job.units, job.at_once) == (others, 2)
    assert list(job.compute(job.units)) == list(some(others))


def test_who_waits_for_it_is_stopped(deferring):
    with pytest.raises(NotYet):
        deferring.all(units(2), some, at_once=2)
    with pytest.raises(NotYet):
        deferring.once(units(3)[2], lambda: ({}, {}))
    with pytest.raises(NotYet):
        deferring.each(units(5), in_turn)
    noted = [[unit.key["number"] for unit in job.units] for job in deferring.jobs]
    assert noted == [[0, 1], [2], [3, 4]]


def test_a_unit_is_noted_once(deferring):
    for _ in range(2):
        deferring.all(units(2), some, at_once=2, wait=False)
    assert len(deferring.jobs) == 1


@pytest.mark.parametrize("way", ["once", "all", "each"])
def test_a_job_computes_what_the_store_would(way, store, deferring):
    (unit,) = units(1)
    ask = {
        "once": lambda of: of.once(unit, lambda: ({"number": 0}, {"seconds": 0.0}), wait=False),
        "all": lambda of: of.all([unit], some, at_once=1, wait=False),
        "each": lambda of: of.each([unit], in_turn, wait=False),
    }[way]
    ask(deferring)
    (job,) = deferring.jobs
    assert job.at_once == (IN_TURN_AT_ONCE if way == "each" else 1)
    ((of, computed),) = job.compute(job.units)
    assert of == unit
    ask(store)
    assert store.find(unit).result == computed[0]


def test_others_are_not_kept_from_the_work(store, deferring):
    with deferring.claimed(units(1)) as mine, store.claimed(units(1)) as theirs:
        assert mine == theirs == units(1)


def test_what_is_only_looked_for_is_not_read(store, deferring):
    store.once(units(1)[0], lambda: ({"number": 0}, {}))
    store.path(units(1)[0]).write_text("cut off")
    (found,) = deferring.all(units(1), some, at_once=1)
    with pytest.warns(DamagedResult), pytest.raises(NotYet):
        found.result.get("number")
    assert [path.name for path in (store.root / "damaged").iterdir()]
    with pytest.raises(NotYet):
        deferring.all(units(1), some, at_once=1)
    assert [job.units for job in deferring.jobs] == [units(1)]
