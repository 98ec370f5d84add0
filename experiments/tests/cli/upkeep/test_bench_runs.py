"""``headclaims bench --run``: whole commands are timed, and kept beside what is there already."""

import json
import sys

import pytest
from click.testing import CliRunner

from ablation.errors import ComputationError, InvalidInput
from experiments.bench import document, whole_runs
from experiments.bench.whole_runs import commands, parse, timed, warm_commands
from experiments.cli.commands.upkeep.bench import bench_command

MACHINE = {"processor": "a", "cores": 2, "instructions": "b", "threads": 2}


@pytest.fixture
def here(monkeypatch):
    """A machine of two cores; torch is not asked."""
    monkeypatch.setattr(document, "machine", lambda: dict(MACHINE))


def bench(*options):
    return CliRunner().invoke(bench_command, [str(word) for word in options])


def read(path):
    return json.loads(path.read_text(encoding="utf-8"))


def test_a_command_is_a_row_with_its_time_and_memory(monkeypatch):
    monkeypatch.setattr(whole_runs, "POLL_SECONDS", 0.02)
    (row,) = timed([("sleep", "{python} -c 'import time; time.sleep(0.3)'", None)])
    assert row["name"] == "sleep"
    assert row["command"].startswith("{python} -c")  # no path of this machine
    assert row["seconds"] >= 0.3
    assert {"time", "commit"} <= set(row)
    if sys.platform == "linux":
        assert row["peak_bytes"] > 1_000_000


def test_commands_have_a_store_and_a_cache_of_their_own_and_share_them():
    write = 'mkdir -p "$HEADCLAIMS_STORE"; printf 12345 > "$HEADCLAIMS_STORE/file"'
    rows = list(timed([("write", write, "store"), ("read", 'ls "$HEADCLAIMS_STORE/file"', None)]))
    assert rows[0]["disk_bytes"] == 5
    assert "disk_bytes" not in rows[1]


def test_a_command_that_fails_has_no_time():
    with pytest.raises(ComputationError, match=r"'bad' ended with status 3 \(no good\): its time"):
        list(timed([("bad", "echo no good >&2; exit 3", None)]))


@pytest.mark.parametrize("given", ["", "name", "=command", "name= "])
def test_a_run_without_name_or_command_is_refused(given):
    with pytest.raises(InvalidInput, match="a run is given as NAME=COMMAND, as in 'all of CI="):
        parse(given)


def test_every_study_is_timed_cold_and_warm_in_this_order():
    names = [name for name, _, _ in commands()]
    assert len(set(names)) == len(names)
    for study in ("qrhead", "exp10", "methods"):
        cold = names.index(f"pytest -k {study} -n 4, nothing stored")
        assert names[cold + 1] == f"pytest -k {study} -n 4, everything stored"


def test_what_is_stored_is_judged_out_of_the_bundle_and_once_more():
    names = [name for name, _, _ in warm_commands()]
    assert names.index("results import, the committed bundle") == 1
    again = {name for name, _, _ in commands()} & {*names}
    assert len(again) == 3
    assert all(name.endswith("everything stored") for name in again)


def test_rows_are_kept_beside_the_parts_and_replace_those_of_the_same_name(here, tmp_path):
    path = tmp_path / "machine.json"
    part: dict[str, object] = {"title": "sweep", "ways": {}, "notes": [], "disagreement": None}
    path.write_text(
        json.dumps(
            {
                "schema": 1,
                "machine": MACHINE,
                "parts": [part],
                "runs": [{"name": "a", "seconds": 5.0, "transcribed": "a note"}],
                "remarks": ["a remark"],
            }
        ),
        encoding="utf-8",
    )
    result = bench("--json", path, "--run", "a=true", "--run", "b=exit 0")
    assert result.exception is None, result.output
    found = read(path)
    assert [row["name"] for row in found["runs"]] == ["a", "b"]
    assert found["runs"][0]["seconds"] < 5
    assert "transcribed" not in found["runs"][0]
    assert (found["parts"], found["remarks"]) == ([part], ["a remark"])


def test_what_was_timed_before_a_command_failed_is_kept(here, tmp_path):
    path = tmp_path / "machine.json"
    result = bench("--json", path, "--run", "a=true", "--run", "b=false")
    assert isinstance(result.exception, ComputationError)
    assert [row["name"] for row in read(path)["runs"]] == ["a"]


@pytest.mark.parametrize(
    ("there", "problem"),
    [
        ({"schema": 1, "machine": {**MACHINE, "cores": 64}}, r"of another machine \(cores 64, h"),
        ({"schema": 0}, "a benchmark of schema 1 is required there, or nothing: give another"),
        ([], "a benchmark of schema 1 is required there"),
    ],
)
def test_another_document_is_not_overwritten(here, tmp_path, there, problem):
    path = tmp_path / "machine.json"
    path.write_text(json.dumps(there), encoding="utf-8")
    result = bench("--json", path, "--run", "a=true")
    assert isinstance(result.exception, InvalidInput)
    assert result.exception.exit_status == 2
    with pytest.raises(InvalidInput, match=problem):
        raise result.exception
    assert read(path) == there


def test_runs_and_sizes_of_the_engine_exclude_each_other():
    result = bench("--runs", "--quick")
    assert result.exit_code == 2
    assert "--runs, --warm-runs and --run time commands, without --model" in result.output
