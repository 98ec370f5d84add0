"""``headclaims plan`` and ``headclaims calibrate``: what they say, and to bad input."""

import json
from pathlib import Path

import pytest

from experiments.judging.calibration.verdicts import DESIGNS, RIGHT, WRONG
from experiments.store import Run, Store, WorkUnit


def taking(seconds):
    return lambda: ({"answer": "x"}, {"seconds": seconds})


def test_a_plan_says_how_many_filings_and_how_long(headclaims, tmp_path):
    store = Store(tmp_path / "store", Run("run", "pytest"))
    for number, seconds in enumerate((1.0, 2.0, 9.0)):
        store.once(WorkUnit("answer", {"number": number}, "an answer"), taking(seconds))
    status, out, err = headclaims("plan", "A1", "--store", store.root)
    assert (status, err) == (0, "")
    lines = out.splitlines()
    assert [line.split()[0] for line in lines[1:7]] == ["5", "10", "20", "30", "40", "50"]
    filings = max(int(line.split()[5]) for line in lines[1:7])
    assert lines[7].startswith(f"all of it: {filings} filings, 4 questions, 127 conditions (20 ")
    assert lines[7].endswith(f": {filings * 4 * 127:,} answers")
    assert lines[8].startswith("2 s an answer, the median of 3 in the store: ")
    cheap = headclaims("plan", "A1", "--store", store.root, "--draws", 1)[1]
    assert "13 conditions (a control set an item)" in cheap


def test_without_answers_the_time_is_not_known(headclaims, tmp_path):
    out = headclaims("plan", "A1", "--store", tmp_path / "store")[1]
    assert "how long that takes here is not known" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("A99",), "unknown claim A99: it must be one of A1"),
        (("A2",), "a plan needs a claim of size"),
        (("A8", "--model", "gpt2"), "no evidence with an interval on A8 for gpt2: judge it first"),
        (("A1", "--draws", "5"), "--draws 5 says nothing about the rank among draws"),
        (("A1", "--power", "1"), "a power above 0 and up to 0.97 is required, got 1.0"),
    ],
)
def test_what_cannot_be_planned_is_one_line(headclaims, arguments, message):
    status, out, err = headclaims("plan", *arguments)
    assert (status, out) == (2, "")
    assert message in err
    assert len(err.splitlines()) == 1


@pytest.mark.slow
def test_verdicts_are_counted_on_studies_of_a_known_gap(headclaims):
    status, out, _ = headclaims("calibrate", "verdicts", "--studies", 1, "--json", "verdicts.json")
    assert status == 0
    rows = json.loads(Path("verdicts.json").read_text("utf-8"))["rows"]
    assert len(rows) == len(out.splitlines()) == len(DESIGNS) * 6 * len(RIGHT)
    for row in rows:
        (verdict,) = row["shares"]
        assert row["right"] == (verdict in {*map(str, RIGHT[row["times"]])})
        assert row["wrong"] == (verdict in {*map(str, WRONG[row["times"]])})


def test_the_coverage_of_every_interval_is_counted(headclaims):
    status, out, _ = headclaims("calibrate", "intervals", "--studies", 1, "--json", "cover.json")
    assert status == 0
    rows = json.loads(Path("cover.json").read_text("utf-8"))["rows"]
    assert len(rows) == len(out.splitlines()) == 4 * 2 * 9
    assert all({*row["coverage"].values()} <= {0.0, 1.0} for row in rows)
    assert {"percentile", "BCa", "Student's t", "bootstrap-t"} == {*rows[0]["coverage"]}


def test_a_table_is_not_begun_that_could_not_be_kept(headclaims, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("", encoding="utf-8")
    status, out, err = headclaims("calibrate", "verdicts", "--json", blocked / "x.json")
    assert (status, out) == (2, "")
    assert "cannot be written" in err
