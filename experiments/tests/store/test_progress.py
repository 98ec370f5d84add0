"""Progress: what processes write down is shown in a line, alive or in a log, and summed up."""

import io
import itertools
import time

import pytest

from experiments.store import Run, Store, WorkUnit
from experiments.store.progress.display import Display, is_live
from experiments.store.progress.state import Progress, duration
from experiments.store.watch import Journal
from experiments.tests.store.made_up_study import Study

UNITS = [WorkUnit("answers", {"n": number}, f"answers {number}") for number in range(6)]


@pytest.fixture
def clock(monkeypatch):
    """Seconds that pass only when a test says so."""
    now = [1000.0]
    monkeypatch.setattr(time, "time", lambda: now[0])
    return now


@pytest.fixture
def journal(tmp_path):
    return lambda who: Journal(tmp_path / f"{who.replace('/', '-')}.jsonl", who)


def line_of(tmp_path):
    progress = Progress(tmp_path)
    progress.update()
    return progress.line()


def test_the_line_says_what_is_computed_done_and_left(tmp_path, journal, clock):
    first, second = journal("gw0"), journal("gw1")
    assert line_of(tmp_path) is None
    first.note("wanted", UNITS)
    first.note("started", UNITS[:2])
    clock[0] += 10
    assert line_of(tmp_path) == "0 of 6 results computed | gw0: answers 0 and 1 more (10 s)"
    first.note("stored", UNITS[:1])
    first.note("stored", UNITS[1:2])
    first.note("started", UNITS[2:4])
    second.note("started", UNITS[4:5])
    clock[0] += 2
    # Two took ten seconds together, four are missing, two processes are at it.
    assert line_of(tmp_path) == (
        "2 of 6 results computed, 10 s left for these | "
        "gw0: answers 2 and 1 more (2 s); gw1: answers 4 (2 s)"
    )


def test_units_that_are_stored_one_by_one_have_taken_the_time_since_the_last(
    tmp_path, journal, clock
):
    writer = journal("gw0")
    writer.note("wanted", UNITS)
    writer.note("started", UNITS[:4])
    for unit in UNITS[:3]:
        clock[0] += 10
        writer.note("stored", [unit])
    assert "3 of 6 results computed, 30 s left for these" in (line_of(tmp_path) or "")


def test_what_is_found_and_then_computed_anew_counts_as_computed(tmp_path, journal):
    for event in ("found", "stored", "found"):
        journal("gw0").note(event, UNITS[:1])
    progress = Progress(tmp_path)
    progress.update()
    assert (progress.computed, progress.from_store) == (1, 0)


def test_who_waits_says_for_what_and_whom(tmp_path, journal, clock):
    journal("gw0").note("started", UNITS[:1])
    journal("gw1").note("waiting", UNITS[:1])
    assert "gw1: waits for answers 0 of gw0 (0 s)" in (line_of(tmp_path) or "")
    journal("gw0").note("stored", UNITS[:1])
    journal("gw1").note("resumed", UNITS[:1])
    assert line_of(tmp_path) is None


def test_a_line_that_is_half_written_is_read_when_it_is_whole(tmp_path, journal):
    writer, progress = journal("gw0"), Progress(tmp_path)
    writer.note("started", UNITS[:1])
    data = writer.path.read_bytes()
    writer.path.write_bytes(data[:20])
    progress.update()
    assert progress.line() is None
    writer.path.write_bytes(data)
    progress.update()
    assert progress.line() is not None


def test_of_many_workers_it_is_said_what_each_machine_does(tmp_path, journal):
    for number in range(6):
        for machine in ("first", "second"):
            journal(f"{machine}/{number}").note("started", UNITS[:2])
    journal("first/0").note("stored", UNITS[:2])
    line = line_of(tmp_path)
    assert "first: 5 at work, " in line
    assert "second: 6 at work, 0 a second" in line


def test_many_that_only_wait_are_counted(tmp_path, journal):
    for number in range(9):
        journal(f"gw{number}").note("waiting", UNITS[:1])
    assert "9 at work" in (line_of(tmp_path) or "")


def test_a_store_tells_what_it_does(tmp_path, journal):
    store = Store(tmp_path / "store", Run("run", "test"), watch=journal("gw0"))
    store.all(UNITS, lambda units: [(unit, ({}, {})) for unit in units], at_once=4)
    again = Store(tmp_path / "store", Run("run", "test"), watch=journal("gw1"))
    assert again.find(UNITS[0]) is not None
    progress = Progress(tmp_path)
    progress.update()
    assert (progress.computed, progress.from_store, progress.missing) == (6, 0, [])


class Scripted(Progress):
    """Gives one line after the other."""

    def __init__(self, lines):
        self._lines = itertools.chain(lines, itertools.repeat(None))
        self.shown = 0

    def update(self):
        self.shown += 1

    def line(self):
        return next(self._lines)


def shown(lines, *, live, column=0):
    stream, progress = io.StringIO(), Scripted(lines)
    display = Display(progress, stream, lambda: column, live=live, every=0.001)
    display.start()
    while progress.shown <= len(lines):
        time.sleep(0.001)
    display.stop()
    return stream.getvalue()


def test_a_log_gets_plain_lines_of_their_own():
    assert shown(["one", "two"], live=False) == "progress: one\nprogress: two\n"
    assert shown(["one"], live=False, column=7) == "\nprogress: one\n"


def test_a_live_line_is_drawn_below_and_taken_away():
    drawn = shown(["one", "two"], live=True, column=7)
    assert drawn == "".join(f"\n\x1b[2K{text}\x1b[A\r\x1b[7C" for text in ("one", "two", ""))


@pytest.mark.parametrize(
    ("terminal", "environment", "live"),
    [
        (True, {"TERM": "xterm"}, True),
        (True, {"TERM": "xterm", "NO_COLOR": "1"}, True),
        (True, {"TERM": "dumb"}, False),
        (True, {}, False),
        (True, {"TERM": "xterm", "CI": "true"}, False),
        (False, {"TERM": "xterm"}, False),
    ],
)
def test_only_a_terminal_that_is_looked_at_is_drawn_on(terminal, environment, live):
    stream = io.StringIO()
    stream.isatty = lambda: terminal  # type: ignore[method-assign]
    assert is_live(stream, environment) is live


def test_durations_are_said_as_people_do():
    assert [duration(seconds) for seconds in (-1, 0.4, 59.6, 200, 7500)] == [
        "0 s", "0 s", "1 min 0 s", "3 min 20 s", "2 h 5 min",
    ]  # fmt: skip


@pytest.fixture
def study(pytester, monkeypatch):
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("HEADCLAIMS_STORE", str(pytester.path / "store"))
    return Study(pytester)


@pytest.mark.slow
@pytest.mark.parametrize("workers", [(), ("-n", "2")])
def test_a_run_ends_with_what_it_computed_and_found(study, workers):
    study.run(*workers).stdout.fnmatch_lines(["results: 8 computed, 0 taken from the store, in *"])
    study.run(*workers).stdout.fnmatch_lines(["results: 0 computed, 8 taken from the store, in *"])


def test_a_quiet_run_says_nothing_of_it(study):
    study.run("-q").stdout.fnmatch_lines(["results: 8 computed*"])
    study.run("-q", "-q").stdout.no_fnmatch_line("*results:*")
