"""What a disk can refuse and what can happen to a stored thing; each is one line with a remedy."""

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from ablation.assets.store import CACHE_VARIABLE, Slot, cache_folder
from ablation.errors import AssetError

CONTENT = b"forty-two\n" * 1000
SLOT = Slot("tiny", "v1", "data")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv(CACHE_VARIABLE, str(folder))
    return folder


def _make(target: Path, scratch: Path) -> None:
    (scratch / "wheel").write_bytes(CONTENT)
    target.mkdir()
    (target / "part.bin").write_bytes(CONTENT)


def _message(action: Callable[[], object]) -> str:
    """Returns the one line of the AssetError that the action raises."""
    with pytest.raises(AssetError, match="tiny") as caught:
        action()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def _ensure() -> Path:
    return SLOT.ensure(_make)


def _fail_with(number: int) -> Callable[..., None]:
    def fail(*arguments: object, **options: object) -> None:
        raise OSError(number, os.strerror(number), "somewhere")

    return fail


def test_the_cache_is_the_users_unless_named(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    assert cache_folder() == cache
    monkeypatch.delenv(CACHE_VARIABLE)
    assert cache_folder().name == "headclaims"


def test_scratch_files_are_not_kept(cache: Path) -> None:
    assert _ensure() == cache / "tiny" / "v1" / "data"
    files = {p.relative_to(cache).as_posix() for p in cache.rglob("*") if p.is_file()}
    assert files - {"tiny/.lock"} == {"tiny/v1/manifest.json", "tiny/v1/data/part.bin"}


def test_a_full_disk_keeps_nothing(cache: Path) -> None:
    def fill(target: Path, scratch: Path) -> None:
        _make(target, scratch)
        _fail_with(errno.ENOSPC)()

    message = _message(lambda: SLOT.ensure(fill))
    assert f"no space left for tiny in the cache {cache}, nothing was kept" in message
    assert CACHE_VARIABLE in message
    assert [p.name for p in (cache / "tiny").iterdir() if p.name != ".lock"] == []


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS])
def test_a_read_only_cache_names_the_variable(
    cache: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.setattr(Path, "mkdir", _fail_with(number))
    message = _message(_ensure)
    assert f"the cache {cache} cannot be written for tiny ({os.strerror(number)})" in message
    assert f"set {CACHE_VARIABLE} to a folder you can write" in message


def test_what_a_read_only_cache_holds_can_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    path = _ensure()
    monkeypatch.setattr(Path, "mkdir", _fail_with(errno.EROFS))
    monkeypatch.setattr("filelock.FileLock.acquire", _fail_with(errno.EROFS))
    assert _ensure() == path


@pytest.mark.parametrize("below", ["", "tiny"])
def test_a_file_in_place_of_a_folder_is_named(cache: Path, below: str) -> None:
    in_the_way = cache / below
    in_the_way.parent.mkdir(exist_ok=True)
    in_the_way.write_text("")
    message = _message(_ensure)
    assert f"{in_the_way} is a file where the cache needs a folder for tiny" in message
    assert CACHE_VARIABLE in message


def test_any_other_refusal_of_the_disk_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "mkdir", _fail_with(errno.EIO))
    assert "tiny could not be stored in the cache" in _message(_ensure)


def test_an_error_that_is_not_the_disks_keeps_its_traceback() -> None:
    def broken(target: Path, scratch: Path) -> None:
        raise OSError("not from the system")

    with pytest.raises(OSError, match="not from the system") as caught:
        SLOT.ensure(broken)
    assert not isinstance(caught.value, AssetError)


def test_a_cut_file_is_found_without_hashing() -> None:
    (_ensure() / "part.bin").write_bytes(CONTENT[:-10])
    message = _message(_ensure)
    assert "data/part.bin has 9,990 bytes; expected 10,000" in message
    assert "run `headclaims assets remove tiny` and `headclaims assets fetch tiny`" in message


def test_a_missing_file_is_found_without_hashing() -> None:
    (_ensure() / "part.bin").unlink()
    assert "data/part.bin is missing" in _message(_ensure)


@pytest.mark.parametrize("text", ["{", "{}", "[]", '{"files": {"data/part.bin": {}}}'])
def test_a_damaged_manifest_is_named(text: str) -> None:
    (_ensure().parent / "manifest.json").write_text(text)
    assert "manifest.json cannot be read" in _message(_ensure)
    assert "manifest.json cannot be read" in _message(SLOT.verify)


def test_a_folder_without_a_manifest_is_made_again() -> None:
    path = _ensure()
    (path.parent / "manifest.json").unlink()
    (path / "part.bin").write_bytes(b"")
    assert (_ensure() / "part.bin").read_bytes() == CONTENT


def test_removing_clears_leftovers_too(cache: Path) -> None:
    _ensure()
    (cache / "tiny" / ".making-dead").mkdir()
    assert SLOT.remove() > len(CONTENT)
    assert [p.name for p in (cache / "tiny").iterdir() if p.name != ".lock"] == []
