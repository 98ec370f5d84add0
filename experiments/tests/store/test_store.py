"""The store: a result is what was stored, or it is computed again, and each is computed once."""

import json
import os
import threading
from pathlib import Path

import pytest

from ablation.errors import ResultsError
from experiments.store import DamagedResult, Run, Store, WorkUnit
from experiments.store.documents import SCHEMA

UNIT = WorkUnit("perplexity", {"model_sha256": "ab", "window": 16, "heads": ["L0H1"]})
HOW = {"time": "2026-01-01T00:00:00+00:00", "model": "tiny", "seconds": 1.0}


@pytest.fixture
def store_of(tmp_path):
    def store(run="first", root="store", **options):
        return Store(tmp_path / root, Run(run, "headclaims exp10"), **options)

    return store


def computing(value=1.5, calls=None):
    def compute():
        if calls is not None:
            calls.append(value)
        return {"value": value}, HOW

    return compute


def test_what_is_computed_is_stored_with_how_it_came_about(store_of):
    stored = store_of().once(UNIT, computing())
    again = store_of("second").once(UNIT, computing(2.5))
    assert again == stored
    assert again.result == {"value": 1.5}
    assert again.provenance == {**HOW, "run": "first", "command": "headclaims exp10"}
    body = json.loads(store_of().path(UNIT).read_text(encoding="utf-8"))
    assert (body["schema"], body["kind"], body["key"]) == (SCHEMA, "perplexity", UNIT.key)


def test_nothing_but_kind_and_key_names_a_result():
    assert WorkUnit("perplexity", dict(reversed(list(UNIT.key.items())))).digest == UNIT.digest
    others = [
        WorkUnit("answers", UNIT.key),
        *(WorkUnit("perplexity", {**UNIT.key, name: "other"}) for name in UNIT.key),
        WorkUnit("perplexity", {**UNIT.key, "more": 1}),
    ]
    assert len({unit.digest for unit in (UNIT, *others)}) == 6


def test_a_result_is_computed_once_by_runs_that_start_together(store_of):
    calls: list = []
    together = threading.Barrier(8)

    def run(number):
        store = store_of(f"run {number}")
        together.wait()
        for index in range(5):
            unit = WorkUnit("perplexity", {"index": index})
            assert store.once(unit, computing(calls=calls)).result == {"value": 1.5}

    threads = [threading.Thread(target=run, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(calls) == 5
    assert not list((store_of().root / "locks").iterdir())


def test_what_another_process_computes_is_not_waited_for_if_so_asked(store_of):
    calls: list = []
    with store_of().lock(UNIT):
        assert store_of("second").once(UNIT, computing(calls=calls), wait=False) is None
    assert store_of("second").once(UNIT, computing(calls=calls), wait=False) is not None
    assert len(calls) == 1


def test_many_units_are_claimed_a_few_at_a_time_and_others_work_waited_for(store_of):
    units = [WorkUnit("answers", {"index": index}) for index in range(7)]
    store, groups = store_of(), []

    def compute(claimed):
        groups.append([unit.key["index"] for unit in claimed])
        return [(unit, ({"index": unit.key["index"]}, HOW)) for unit in claimed]

    store.put(units[1], {"index": 1}, HOW)
    with store.lock(units[3]):
        found = store.all(units, compute, at_once=2, wait=False)
        assert [one and one.result["index"] for one in found] == [0, 1, 2, None, 4, 5, 6]
        assert groups == [[0, 2], [4, 5], [6]]
    found = store.all(units, compute, at_once=2)
    assert [one.result["index"] for one in found] == list(range(7))
    assert groups[3:] == [[3]]


def test_looking_for_what_is_missing_grows_with_the_number_of_units(store_of, monkeypatch):
    """And not with its square: ten times as many units are looked at ten times as often."""
    looked = []

    def compute(claimed):
        return [(unit, ({}, HOW)) for unit in claimed]

    def look(store, unit, find=Store.find):
        looked.append(unit)
        return find(store, unit)

    monkeypatch.setattr(Store, "find", look)
    counts = []
    for number in (20, 200):
        looked.clear()
        units = [WorkUnit("answers", {"index": [number, index]}) for index in range(number)]
        store_of(str(number)).all(units, compute, at_once=2)
        counts.append(len(looked))
    assert counts[1] <= 10 * counts[0]


def test_fresh_uses_what_its_own_run_has_computed_and_nothing_else(store_of):
    calls: list = []
    store_of("first").once(UNIT, computing(1, calls))
    workers = [store_of("second", fresh=True) for _ in range(3)]
    found = [worker.once(UNIT, computing(2, calls)) for worker in workers]
    assert calls == [1, 2]
    assert [one.result["value"] for one in found] == [2, 2, 2]
    assert store_of("third").once(UNIT, computing(3, calls)).result == {"value": 2}


def test_a_computation_that_fails_stores_nothing_and_blocks_nobody(store_of):
    def fail():
        raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        store_of().once(UNIT, fail)
    assert store_of().find(UNIT) is None
    assert store_of().once(UNIT, computing(), wait=False) is not None


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda text: text[: len(text) // 2], "not a JSON document"),
        (lambda text: "", "not a JSON document"),
        (lambda text: "[" * 100_000, "not a JSON document"),
        (lambda text: "[1]", "not a JSON object"),
        (lambda text: '{"value": 1}', "no schema number"),
        (lambda text: '{"schema": 1}', "its checksum is not that of its content"),
        (lambda text: text.replace("1.5", "1.6"), "its checksum is not that of its content"),
        (lambda text: text.replace("L0H1", "L0H2"), "its checksum is not"),
        (lambda text: text.replace("perplexity", "ranking"), "its checksum is not"),
        (lambda text: text.replace('"seconds": 1.0', '"seconds": NaN'), "not a JSON document"),
    ],
)
def test_a_damaged_document_is_named_moved_aside_and_computed_again(store_of, damage, said):
    store = store_of()
    calls: list = []
    store.once(UNIT, computing())
    path = store.path(UNIT)
    damaged = damage(path.read_text(encoding="utf-8"))
    for number in range(2):
        path.write_text(damaged, encoding="utf-8")
        with pytest.warns(DamagedResult) as warned:
            assert store_of("second").once(UNIT, computing(calls=calls)).result == {"value": 1.5}
        aside = store.root / "damaged" / f"{UNIT.digest}.{number}.json"
        assert str(warned[0].message).startswith(f"{path}: {said}")
        assert str(warned[0].message).endswith(f"moved to {aside}, to be computed again")
        assert aside.read_text(encoding="utf-8") == damaged
    assert len(calls) == 2


def test_bytes_that_are_no_text_are_damage(store_of):
    store = store_of()
    store.once(UNIT, computing())
    store.path(UNIT).write_bytes(b"\xff\xfe\x00")
    with pytest.warns(DamagedResult):
        assert store_of().once(UNIT, computing()) is not None


def test_the_document_of_another_unit_is_not_believed(store_of):
    store, other = store_of(), WorkUnit("perplexity", {"model_sha256": "cd"})
    for unit in (UNIT, other):
        store.once(unit, computing())
    store.path(UNIT).write_bytes(store.path(other).read_bytes())
    with pytest.warns(DamagedResult, match="the result of something else under this name"):
        store_of().once(UNIT, computing())


@pytest.mark.parametrize("fresh", [False, True])
def test_a_document_of_a_later_schema_is_refused_and_left_as_it_is(store_of, fresh):
    store = store_of()
    store.once(UNIT, computing())
    path, known, later = store.path(UNIT), f'"schema": {SCHEMA}', f'"schema": {SCHEMA + 1}'
    text = path.read_text(encoding="utf-8").replace(known, later)
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ResultsError, match=f"of schema {SCHEMA + 1}.*update headclaims") as said:
        store_of(fresh=fresh).once(UNIT, computing())
    assert "\n" not in str(said.value)
    assert path.read_text(encoding="utf-8") == text


def test_a_result_that_is_no_json_is_not_stored(store_of):
    store = store_of()
    with pytest.raises(ValueError, match="JSON compliant"):
        store.once(UNIT, computing(float("nan")))
    assert not list(store.root.rglob("*.json"))


def test_names_differ_in_more_than_case_and_any_folder_will_do(store_of):
    store = store_of(root="Größe und Maß/results store")
    for index in range(20):
        store.once(WorkUnit("answers", {"index": index}), computing())
    names = [str(path.relative_to(store.root)) for path in store.root.rglob("*")]
    assert len(names) > 20
    assert all(name == name.lower() and name.isascii() for name in names)


def test_a_clock_that_was_set_back_changes_nothing(store_of):
    store = store_of()
    calls: list = []
    store.once(UNIT, computing())
    os.utime(store.path(UNIT), (4_000_000_000, 4_000_000_000))
    assert store_of().once(UNIT, computing(calls=calls)) is not None
    assert not calls


def test_documents_are_flushed_to_the_disk_before_they_have_their_name(store_of, monkeypatch):
    order: list = []
    replace = Path.replace

    def noting(self, target):
        order.append("named")
        return replace(self, target)

    monkeypatch.setattr("os.fsync", lambda descriptor: order.append("flushed"))
    monkeypatch.setattr(Path, "replace", noting)
    store_of().once(UNIT, computing())
    assert order == ["flushed", "named"]


def test_many_results_are_stored_at_once_and_one_that_cannot_be_is_named(store_of):
    units = [WorkUnit("perplexity", {"number": number}) for number in range(40)]
    store = store_of()
    refused = store.path(units[7])
    refused.parent.parent.mkdir(parents=True)
    refused.parent.write_text("no folder", encoding="utf-8")
    with pytest.raises(ResultsError, match="--store"):
        store.put_all([(unit, {"value": unit.key["number"]}, HOW) for unit in units])
    there = [unit for unit in units if not store.path(unit).parent.is_file()]
    assert 30 <= len(there) < 40
    assert store.used == sorted(unit.digest for unit in there)
    for unit in there:
        document = store_of("second").find(unit)
        assert document.result == {"value": unit.key["number"]}
        assert document.provenance["run"] == "first"
