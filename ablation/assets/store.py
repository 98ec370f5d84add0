"""A cache folder in which only complete things ever stand, whoever is killed and whenever.

A thing is made in a temporary sibling, under a lock of its own, and renamed to its final name when
it is complete, with a manifest of sha256 sums beside it:

    <cache>/<key>/.lock
    <cache>/<key>/.making-…/           the work of a process that is running, or was killed
    <cache>/<key>/<version>/manifest.json
    <cache>/<key>/<version>/<entry>    the file or folder itself
"""

import contextlib
import errno
import hashlib
import json
import logging
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import filelock
import platformdirs
from tqdm import tqdm

from ablation.errors import AssetError

logger = logging.getLogger(__name__)

CACHE_VARIABLE = "HEADCLAIMS_CACHE"
MANIFEST = "manifest.json"
TEMPORARY = ".making-"
BLOCK = 1 << 20

Maker = Callable[[Path, Path], None]


def cache_folder() -> Path:
    """Returns the folder that HEADCLAIMS_CACHE names, else the user's cache folder."""
    named = os.environ.get(CACHE_VARIABLE)
    return (
        Path(named).expanduser().absolute() if named else platformdirs.user_cache_path("headclaims")
    )


@dataclass(frozen=True)
class Slot:
    """The place of one version of one thing in the cache.

    Attributes:
        key: its name on the command line.
        version: changes whenever its content should; each version is a folder of its own.
        entry: name of the file or folder that is the thing.
    """

    key: str
    version: str
    entry: str

    @property
    def home(self) -> Path:
        """The folder of all versions."""
        return cache_folder() / self.key

    @property
    def folder(self) -> Path:
        return self.home / self.version

    @property
    def path(self) -> Path:
        return self.folder / self.entry

    def ensure(self, make: Maker) -> Path:
        """Returns the path of the thing; makes it first if it is not there.

        Of several processes one makes it and the others wait.

        Args:
            make: called with the path to make and a folder for temporary files.

        Raises:
            AssetError: it cannot be stored, or what is stored lost a part.
        """
        with _readable_errors(self.key):
            if self.is_present():
                self._check_sizes()
                return self.path
            self.home.mkdir(parents=True, exist_ok=True)
            with self._locked():
                if not self.is_present():
                    self._make(make)
            return self.path

    def ensure_whole(self, make: Maker) -> Path:
        """As ``ensure``; one that lost a part is made anew, for what is made of the user's files.

        Raises:
            AssetError: it cannot be stored.
        """
        try:
            return self.ensure(make)
        except AssetError:
            if not self.is_present():
                raise
            self.remove()
            return self.ensure(make)

    def is_present(self) -> bool:
        return (self.folder / MANIFEST).is_file()

    def manifest(self) -> dict[str, tuple[str, int]]:
        """Returns sha256 and size of each file, by its path below the version's folder.

        Raises:
            AssetError: it cannot be read.
        """
        try:
            files = json.loads((self.folder / MANIFEST).read_text(encoding="utf-8"))["files"]
            return {name: (str(it["sha256"]), int(it["size"])) for name, it in files.items()}
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise self._damaged(f"{MANIFEST} cannot be read") from error

    def verify(self) -> None:
        """Compares every file with the manifest.

        Raises:
            AssetError: it is not there, or a file is missing or changed.
        """
        with _readable_errors(self.key):
            if not self.is_present():
                raise AssetError(
                    f"{self.key} is not in the cache {cache_folder()}; "
                    f"run `headclaims assets fetch {self.key}`"
                )
            self._check_sizes()
            for name, (sha256, _) in self.manifest().items():
                found = sha256_of(self.folder / name)
                if found != sha256:
                    raise self._damaged(f"{name} has sha256 {found}; expected {sha256}")

    def remove(self) -> int:
        """Removes every version and all leftovers; returns the bytes freed."""
        with _readable_errors(self.key):
            if not self.home.is_dir():
                return 0
            with self._locked():
                self._clear_leftovers()
                freed = self.bytes_used()
                for version in self._versions():
                    # Out of the final name at once, so that a kill leaves no half of a thing.
                    version.rename(self.home / f"{TEMPORARY}{version.name}-removed")
                self._clear_leftovers()
                return freed

    def bytes_used(self) -> int:
        """Bytes of all versions."""
        return sum(
            file.stat().st_size
            for version in self._versions()
            for file in version.rglob("*")
            if file.is_file()
        )

    def _versions(self) -> list[Path]:
        if not self.home.is_dir():
            return []
        return [p for p in self.home.iterdir() if p.is_dir() and not p.name.startswith(TEMPORARY)]

    def _make(self, make: Maker) -> None:
        self._clear_leftovers()
        workspace = Path(tempfile.mkdtemp(prefix=TEMPORARY, dir=self.home))
        try:
            scratch, content = workspace / "scratch", workspace / "content"
            scratch.mkdir()
            content.mkdir()
            make(content / self.entry, scratch)
            _write_manifest(content)
            content.rename(self.folder)
        finally:
            shutil.rmtree(workspace, ignore_errors=True)

    def _clear_leftovers(self) -> None:
        """Removes what killed processes left; call with the lock held, when nobody makes."""
        incomplete = [v for v in self._versions() if not (v / MANIFEST).is_file()]
        for leftover in [*self.home.glob(f"{TEMPORARY}*"), *incomplete]:
            # What cannot go now (a pip that outlived its parent still writes) goes next time.
            shutil.rmtree(leftover, ignore_errors=True)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        lock = filelock.FileLock(self.home / ".lock")
        try:
            lock.acquire(timeout=1)
        except filelock.Timeout:
            # No notice, which pytest prints at the end: it says why nothing happens now.
            logger.warning("waiting for another process that is making %s", self.key)
            lock.acquire()
        try:
            yield
        finally:
            lock.release()

    def _check_sizes(self) -> None:
        for name, (_, size) in self.manifest().items():
            path = self.folder / name
            if not path.is_file():
                raise self._damaged(f"{name} is missing")
            if path.stat().st_size != size:
                raise self._damaged(f"{name} has {path.stat().st_size:,} bytes; expected {size:,}")

    def _damaged(self, what: str) -> AssetError:
        return AssetError(
            f"{self.key} in {self.folder} is damaged: {what}; run `headclaims assets remove "
            f"{self.key}` and `headclaims assets fetch {self.key}`"
        )


def sha256_of(path: Path) -> str:
    """Returns the sha256 of a file in hexadecimal, with a bar when it takes over a second."""
    digest = hashlib.sha256()
    with path.open("rb") as stream, bytes_bar(f"hashing {path.name}", path.stat().st_size) as bar:
        while block := stream.read(BLOCK):
            digest.update(block)
            bar.update(len(block))
    return digest.hexdigest()


def bytes_bar(description: str, total: int) -> tqdm:
    """A bar of bytes, drawn on a terminal only, and only once a second has passed."""
    return tqdm(
        total=total,
        desc=description,
        unit="B",
        unit_scale=True,
        delay=1,
        disable=None,
        leave=False,
        file=sys.stderr,
    )


def _write_manifest(content: Path) -> None:
    files = {
        file.relative_to(content).as_posix(): {
            "sha256": sha256_of(file),
            "size": file.stat().st_size,
        }
        for file in sorted(content.rglob("*"))
        if file.is_file()
    }
    text = json.dumps({"files": files}, indent=1) + "\n"
    (content / MANIFEST).write_text(text, encoding="utf-8")


@contextlib.contextmanager
def _readable_errors(key: str) -> Iterator[None]:
    """Turns what a disk can refuse into one line with the remedy."""
    try:
        yield
    except OSError as error:
        cache = cache_folder()
        elsewhere = f"set {CACHE_VARIABLE} to a folder"
        match error.errno:
            case errno.ENOSPC | errno.EDQUOT:
                message = (
                    f"no space left for {key} in the cache {cache}, nothing was kept; free some, "
                    f"or {elsewhere} on a larger disk"
                )
            case errno.EACCES | errno.EPERM | errno.EROFS:
                message = (
                    f"the cache {cache} cannot be written for {key} "
                    f"({error.strerror}); {elsewhere} you can write"
                )
            case errno.ENOTDIR | errno.EEXIST:
                home = cache / key
                parts = (*reversed(home.parents), home)
                in_the_way = next((p for p in parts if not p.is_dir()), error.filename)
                message = (
                    f"{in_the_way} is a file where the cache needs a folder for {key}; "
                    f"move it away, or {elsewhere} elsewhere"
                )
            case None:  # not from the system: a bug, which keeps its traceback
                raise
            case _:
                message = (
                    f"{key} could not be stored in the cache {cache} ({error}); "
                    f"{elsewhere} you can write"
                )
        raise AssetError(message) from error
