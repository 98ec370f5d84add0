"""What can happen to a run at night: kills, crowds, full or read-only disks; all really done."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
KILLS = {"sweep": 30, "cell": 8}
LOST = {"sweep": 1, "cell": 8}
"""Units for each kill that may be begun anew: the one in flight; of a cell those of a batch."""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork: run it on Linux or macOS")
@pytest.mark.parametrize("study", KILLS)
def test_killed_runs_go_on_where_they_were_and_crowds_share_the_work(tmp_path, study):
    kills = KILLS[study]
    run = subprocess.run(
        [sys.executable, "-m", "experiments.tests.store.killed_runs", tmp_path, str(kills), study],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        timeout=1200,  # guards against a hang: alone it takes three minutes, beside others many
    )
    assert run.returncode == 0, run.stderr
    found = json.loads(run.stdout)
    assert found["killed"] == kills
    assert found["folders"] > 1
    assert found["again"] == []
    assert found["same"]
    # At most what was in flight.
    assert found["lost"] <= kills * LOST[study]
    # Three runs of the same, started at once.
    assert found["begun_together"] == found["units_together"] > 0
    assert found["same_together"]


WORKERS = """
import os
import signal
from pathlib import Path

import pytest

from experiments.store import WorkUnit

LOG = Path(__file__).with_name("begun")

@pytest.mark.parametrize("case", range(8))
def test_case(store, case):
    def compute():
        with LOG.open("a") as log:
            log.write(f"{case}\\n")
        if case == 3 and not LOG.with_name("killed").exists():
            LOG.with_name("killed").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return {"case": case}, {"time": "now", "seconds": 0}

    assert store.once(WorkUnit("answers", {"case": case}), compute).result == {"case": case}
"""


@pytest.mark.slow
def test_a_killed_worker_is_reported_and_the_next_run_goes_on(pytester, tmp_path):
    plugins = ["experiments.plugin.options", "experiments.plugin.model"]
    pytester.makeconftest(f"pytest_plugins = {plugins}")
    pytester.makepyfile(test_workers=WORKERS)
    options = ("-n", "4", "-p", "no:cacheprovider", f"--store={tmp_path / 'store'}")
    first = pytester.runpytest_subprocess(*options, timeout=120)
    first.assert_outcomes(passed=7, failed=1)
    first.stdout.fnmatch_lines(["*worker*crashed while running*test_case?3?*"])
    assert first.ret == 1
    second = pytester.runpytest_subprocess(*options, timeout=120)
    second.assert_outcomes(passed=8)
    begun = Path(pytester.path, "begun").read_text(encoding="utf-8").split()
    assert sorted(begun) == sorted([*map(str, range(8)), "3"])


STORING = """
import resource, sys
from pathlib import Path

from ablation.errors import ResultsError
from experiments.store import Run, Store, WorkUnit

folder, kind = sys.argv[1:]
store = Store(Path(folder) / "store", Run("run", "test"))
HOW = {"time": "now", "seconds": 0}

def stored(index, size):
    unit = WorkUnit("answers", {"index": index})
    return store.once(unit, lambda: ({"answers": ["x" * size]}, HOW))

stored(0, 10)
if kind == "limit":
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
if kind == "read-only":
    import subprocess
    subprocess.run(["mount", "-o", "remount,ro", folder], check=True)
try:
    stored(1, 100_000)
except ResultsError as error:
    print(error)
files = [path for path in store.root.rglob("*") if path.is_file() and path.suffix != ".lock"]
again = Store(store.root, Run("later", "test"))
print(len(files), again.find(WorkUnit("answers", {"index": 0})).result)
"""


def store_until_it_fails(tmp_path, kind, *before):
    run = subprocess.run(
        [*before, sys.executable, "-c", STORING, tmp_path, kind],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert run.returncode == 0, run.stderr
    return run.stdout.splitlines()


def test_a_file_that_must_not_grow_is_one_line_and_earlier_units_are_whole(tmp_path):
    said, left = store_until_it_fails(tmp_path, "limit")
    assert "the result cannot be stored (File too large): free some space" in said
    assert left == "1 {'answers': ['xxxxxxxxxx']}"


@pytest.mark.parametrize(
    ("kind", "reason"),
    [("full", "No space left on device"), ("read-only", "Read-only file system")],
)
def test_a_full_or_read_only_disk_is_one_line_and_earlier_units_are_whole(tmp_path, kind, reason):
    mounted = f'mount -t tmpfs -o size=64k tmpfs "{tmp_path}" && exec "$@"'
    alone = ("unshare", "--map-root-user", "--mount", "sh", "-c", mounted, "sh")
    try:
        subprocess.run([*alone, "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("needs Linux with user namespaces, to mount a disk of 64 kB; run it as root")
    said, left = store_until_it_fails(tmp_path, kind, *alone)
    assert f"the result cannot be stored ({reason}): free some space" in said
    assert said.endswith("or give another folder with --store")
    assert left == "1 {'answers': ['xxxxxxxxxx']}"
