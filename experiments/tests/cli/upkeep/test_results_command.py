"""``headclaims results``: what is kept, as lines; nothing of it needs a model."""

import json
import os
import time

import pytest

from experiments.store import Document, Run, Store, WorkUnit

HOW = {"time": "2026-01-01T00:00:00+00:00", "model": "tiny", "seconds": 1.0}
ZERO = {"mode": "zero", "bias": "remove"}
ANSWERS = WorkUnit("answers", {"ablation": ZERO, "heads": ["L0H1", "L3H0"]})
PERPLEXITY = WorkUnit("perplexity", {"ablation": {**ZERO, "bias": "keep"}, "heads": []})
DAY = 86_400


@pytest.fixture
def store(tmp_path):
    kept = Store(tmp_path / "store", Run("run", "headclaims run"))
    kept.once(ANSWERS, lambda: ({"question": "inc_state", "tokens": 512, "answers": ["DE"]}, HOW))
    kept.once(PERPLEXITY, lambda: ({"block_nll_sums": [[1.0]], "block_counts": [[1]]}, HOW))
    return kept


def make_older(path, days):
    then = time.time() - days * DAY
    os.utime(path, (then, then))


def test_results_are_listed_with_size_age_and_what_they_are_of(store, headclaims):
    make_older(store.path(ANSWERS), 3)
    status, out, err = headclaims("results", "list")
    assert (status, err) == (0, "")
    first, *lines, last = out.splitlines()
    assert first == f"store: {store.root}"
    fields = [line.split() for line in lines]
    assert fields[0][:2] == [ANSWERS.digest[:12], "answers"]
    assert " ".join(fields[0][4:]) == "3 d tiny, inc_state, 512 tokens, zero, L0H1 L3H0"
    assert " ".join(fields[1][-5:]) == "tiny, zero, bias kept, unablated"
    assert last.startswith("2 results, ")
    assert len(headclaims("results", "list", "--kind", "answers")[1].splitlines()) == 3


def test_an_empty_store_is_listed(headclaims, tmp_path):
    status, out, _ = headclaims("results", "list", "--store", tmp_path / "nowhere")
    assert (status, out.splitlines()[-1]) == (0, "0 results, 0 B")
    assert not (tmp_path / "nowhere").exists()
    assert headclaims("results", "verify")[0] == 0


def test_a_damaged_result_is_listed_as_such(store, headclaims):
    store.path(ANSWERS).write_text("{", encoding="utf-8")
    store.path(PERPLEXITY).write_text("[]", encoding="utf-8")
    lines = headclaims("results", "list")[1].splitlines()[1:-1]
    assert [line.split()[-1] for line in lines] == ["damaged", "damaged"]


def test_a_result_is_shown_with_all_that_it_depends_on(store, headclaims):
    status, out, _ = headclaims("results", "show", ANSWERS.digest[:8].upper())
    shown = json.loads(out)
    assert status == 0
    assert shown["key"] == ANSWERS.key
    assert shown["result"]["answers"] == ["DE"]
    assert shown["provenance"]["command"] == "headclaims run"


@pytest.mark.parametrize(
    ("digest", "said"),
    [
        ("ab", "the first 6 digits or more of a result are required"),
        ("../../..", "the first 6 digits or more"),
        ("*******", "the first 6 digits or more"),
        ("0" * 12, "0 results in"),
    ],
)
def test_a_digest_that_names_no_result_is_one_line(store, headclaims, digest, said):
    status, out, err = headclaims("results", "show", digest)
    assert (status, out) == (2, "")
    assert err.startswith("Error: ")
    assert said in err
    assert err.count("\n") == 1


def test_verify_names_what_is_not_what_was_stored(store, headclaims):
    said = f"2 of 2 results in {store.root} are what was stored\n"
    assert headclaims("results", "verify")[:2] == (0, said)
    path = store.path(ANSWERS)
    path.write_text(path.read_text(encoding="utf-8").replace("DE", "DC"), encoding="utf-8")
    copy = path.with_name("ff" * 32 + ".json")
    copy.write_bytes(store.path(PERPLEXITY).read_bytes())
    status, out, err = headclaims("results", "verify")
    assert (status, out) == (1, f"1 of 3 results in {store.root} are what was stored\n")
    assert f"BAD  {path}: its checksum is not that of its content" in err
    assert f"BAD  {copy}: the result of something else under this name" in err
    status, _, err = headclaims("results", "show", ANSWERS.digest)
    assert status == 2
    assert "its checksum is not that of its content" in err


def test_prune_takes_leftovers_but_not_those_of_a_running_process(store, headclaims):
    path, busy = store.path(ANSWERS), store.path(PERPLEXITY)
    (store.root / "damaged").mkdir()
    leftovers = [
        store.root / "damaged" / "x.0.json",
        store.root / "locks" / "x.lock",
        path.with_name(f".{path.name}.123.tmp"),
    ]
    writing = busy.with_name(f".{busy.name}.123.tmp")
    for file in (*leftovers, writing):
        file.write_text("x", encoding="utf-8")
    with store.lock(PERPLEXITY):
        status, out, _ = headclaims("results", "prune")
        assert (status, out) == (0, "0 results and 3 leftovers removed, 3 B freed\n")
        assert writing.exists()
    assert not any(leftover.exists() for leftover in leftovers)


def test_prune_takes_what_is_old_enough(store, headclaims):
    make_older(store.path(ANSWERS), 3)
    make_older(store.path(PERPLEXITY), -30)  # stored before the clock was set back
    assert headclaims("results", "prune", "--older-than", 4, "--yes")[1].startswith("0 results")
    assert headclaims("results", "prune", "--older-than", 2, "--yes")[1].startswith("1 results")
    assert store.path(PERPLEXITY).exists()
    assert not store.path(ANSWERS).exists()


@pytest.mark.parametrize(
    "options",
    [("--kind", "answers"), ("--older-than", -1), ("--older-than", 0, "--store", "none")],
    ids=str,
)
def test_options_of_prune_that_say_nothing_are_one_line(store, headclaims, options):
    status, _, err = headclaims("results", "prune", *options)
    assert status == 2
    assert err.count("\n") == 1
    assert store.path(ANSWERS).exists()


@pytest.mark.slow
def test_ten_thousand_results_are_listed(headclaims, tmp_path):
    store = Store(tmp_path / "store", Run("run", "pytest"))
    for index in range(10_000):
        unit = WorkUnit("perplexity", {"index": index, "heads": ["L0H1"]})
        path = store.path(unit)
        path.parent.mkdir(parents=True, exist_ok=True)
        # Not through the store: flushing each to the disk takes its time.
        path.write_text(Document(unit, {"block_nll_sums": [[1.0] * 64]}, HOW).text())
    status, out, _ = headclaims("results", "list")
    assert status == 0
    assert out.splitlines()[-1].startswith("10000 results")
