"""Stored results in one file that travels: to a reviewer, to CI, into the repository.

A zip of the documents of a store and a manifest::

    manifest.json                {"bundle": 2, "documents": {kind: [part, …]}, "judged": …}
    documents/{kind}-{part}.jsonl        a document of the store a line

A part lists the digest of each line's unit and the line's SHA-256. Results of one kind are nearly
alike, and how they came about is the same for most: together they take a third of what they take
one by one. Names in the zip are never used as paths: a document is looked for in the line that the
manifest names, is the one that its checksum says, and proves itself as in the store. What a bundle
claims to be computed is another matter; ``experiments.store.audit`` computes a sample of it again.
"""

import hashlib
import json
import random
import re
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from ablation.assets.bounded_files import LARGEST, bounded
from ablation.errors import InvalidInput, ResultsError, first_line
from experiments.store.documents import KIND, Damaged, Document, TooNew, WorkUnit, parse

SCHEMA = 2
"""Of the manifest; raised whenever an older headclaims would misread it."""

MANIFEST = "manifest.json"
LARGEST_MANIFEST = 16_000_000
"""Bytes: a hundred thousand documents."""

PART = 1_000_000
"""Bytes of a part, before it is compressed; or one document, if that is larger."""
PARTS_KEPT = 8
"""Parts that are kept at hand while documents are asked for."""

_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)


@dataclass(frozen=True)
class Judged:
    """What the documents of a bundle are behind: a run of pytest that asked for all of them.

    Attributes:
        claims: ids of the claims that it judged.
        options: its options that change what is computed, as words of the command line.
    """

    claims: tuple[str, ...]
    options: tuple[str, ...] = ()


Part = Sequence[tuple[str, str]]
"""For each line: the digest of the unit, and the SHA-256 of the document."""


class Place(NamedTuple):
    """Where a document lies: the kind of its unit, the part and the line; and its SHA-256."""

    kind: str
    part: int
    line: int
    sha256: str


@dataclass(frozen=True)
class Bundle:
    """The documents in the file ``path``.

    Attributes:
        path: the file.
        documents: kind of unit -> the parts, numbered from 0.
        judged: what they are behind, where that is known.
    """

    path: Path
    documents: Mapping[str, Sequence[Part]]
    judged: Judged | None

    @cached_property
    def digests(self) -> dict[str, Place]:
        """Digest of a unit -> where its document lies."""
        return {
            digest: Place(kind, part, line, sha256)
            for kind, parts in self.documents.items()
            for part, listed in enumerate(parts)
            for line, (digest, sha256) in enumerate(listed)
        }

    def __len__(self) -> int:
        return len(self.digests)

    def find(self, unit: WorkUnit) -> Document | None:
        """The document of ``unit``, if the bundle has one.

        Raises:
            ResultsError: it is not what the manifest says.
        """
        return self.document(unit.digest) if unit.digest in self.digests else None

    def document(self, digest: str) -> Document:
        """The document of a unit of the bundle.

        Raises:
            ResultsError: it is not what the manifest says.
        """
        place = self.digests[digest]
        lines = self._lines(place.kind, place.part)
        listed = len(self.documents[place.kind][place.part])
        data = lines[place.line] if len(lines) == listed else b""
        if hashlib.sha256(data).hexdigest() != place.sha256:
            raise _bad(self.path, f"{digest[:12]} is not the document of its manifest")
        try:
            document = parse(bounded(data, LARGEST))
        except (Damaged, TooNew, ValueError) as error:
            raise _bad(self.path, f"{digest[:12]}: {first_line(error)}") from None
        if (document.unit.digest, document.unit.kind) != (digest, place.kind):
            raise _bad(self.path, f"{digest[:12]} is the result of something else")
        return document

    def __iter__(self) -> Iterator[Document]:
        """All documents, each proven.

        Raises:
            ResultsError: one is not what the manifest says.
        """
        for digest in self.digests:
            yield self.document(digest)

    def sample(self, count: int, seed: str) -> frozenset[str]:
        """Digests of ``count`` units drawn with ``seed``: one of each kind, the rest from all.

        More than ``count`` where there are more kinds, all where there are fewer units.
        """
        chance = random.Random(f"headclaims audit {seed}")
        drawn = [chance.choice(sorted(of_kind)) for _, of_kind in sorted(self._by_kind().items())]
        rest = sorted(self.digests.keys() - {*drawn})
        chance.shuffle(rest)
        return frozenset(drawn + rest[: max(0, count - len(drawn))])

    def _by_kind(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for digest, place in self.digests.items():
            found.setdefault(place.kind, []).append(digest)
        return found

    @cached_property
    def _zip(self) -> zipfile.ZipFile:
        # Opened once a process, and not when the bundle is only named.
        return _opened(self.path)

    @cached_property
    def _lines(self) -> Callable[[str, int], list[bytes]]:
        """Gives the lines of a part; the latest few are kept."""

        @lru_cache(maxsize=PARTS_KEPT)
        def lines(kind: str, part: int) -> list[bytes]:
            name = member_name(kind, part)
            return _member(self._zip, name, max(PART, LARGEST), self.path).split(b"\n")

        return lines


def read_bundle(path: Path) -> Bundle:
    """The bundle in the file ``path``; its documents are proven when they are read.

    Raises:
        InvalidInput: there is no such file, it is no bundle, or one of a later headclaims.
        ResultsError: it is damaged.
    """
    if not path.is_file():
        there = "this is a folder" if path.is_dir() else "there is no such file"
        raise InvalidInput(f"{path}: a bundle is required, and {there}: check it")
    with _opened(path) as opened:
        if MANIFEST not in opened.namelist():
            raise InvalidInput(f"{path}: no bundle of `headclaims results export`: give one")
        data = _member(opened, MANIFEST, LARGEST_MANIFEST, path)
        names = opened.namelist()
    try:
        manifest = json.loads(bounded(data, LARGEST_MANIFEST))
    except (ValueError, RecursionError) as error:
        raise _bad(path, f"its manifest is not JSON ({first_line(error)})") from None
    schema = manifest.get("bundle") if isinstance(manifest, dict) else None
    if type(schema) is not int:
        raise InvalidInput(f"{path}: no bundle of `headclaims results export`: give one")
    if schema != SCHEMA:
        remedy = "update headclaims" if schema > SCHEMA else "export it again from its store"
        raise InvalidInput(f"{path}: of schema {schema}, and this version reads {SCHEMA}: {remedy}")
    documents = manifest.get("documents")
    if not _is_listing(documents):
        raise _bad(path, "its manifest does not list documents by kind, digest and checksum")
    bundle = Bundle(path, documents, _judged(manifest.get("judged"), path))
    expected = {MANIFEST}
    for kind, parts in documents.items():
        expected.update(member_name(kind, part) for part in range(len(parts)))
    if sorted(names) != sorted(expected):
        odd = sorted({*names} ^ expected) or ["a name twice"]
        raise _bad(path, f"it does not hold what its manifest lists, the first is {odd[0][:80]!r}")
    return bundle


def member_name(kind: str, part: int) -> str:
    """What a part is called in the zip."""
    return f"documents/{kind}-{part:03}.jsonl"


def _opened(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError) as error:
        raise InvalidInput(
            f"{path}: no bundle, or one that was cut off ({first_line(error)}): get it again"
        ) from None


def _member(opened: zipfile.ZipFile, name: str, largest: int, path: Path) -> bytes:
    """The bytes under a name; never more than ``largest``, whatever the zip says of its size."""
    try:
        with opened.open(name) as file:
            data = file.read(largest + 1)
    except Exception as error:  # a damaged zip raises what its decompressors do
        raise _bad(path, f"{name} cannot be read ({first_line(error)})") from None
    if len(data) > largest:
        raise _bad(path, f"{name} is larger than {largest} bytes")
    return data


def _is_listing(documents: Any) -> bool:
    return isinstance(documents, dict) and all(
        KIND.fullmatch(kind) and isinstance(parts, list) and all(map(_is_part, parts))
        for kind, parts in documents.items()
    )


def _is_part(listed: Any) -> bool:
    return isinstance(listed, list) and all(
        isinstance(line, list)
        and len(line) == 2
        and all(isinstance(sha256, str) and _SHA256.fullmatch(sha256) for sha256 in line)
        for line in listed
    )


def _judged(value: Any, path: Path) -> Judged | None:
    if value is None:
        return None
    found: list[tuple[str, ...]] = []
    for name in ("claims", "options"):
        words = value.get(name) if isinstance(value, dict) else None
        if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
            raise _bad(path, "its manifest does not say which claims were judged, and how")
        found.append(tuple(words))
    return Judged(*found)


def _bad(path: Path, what: str) -> ResultsError:
    return ResultsError(f"{path}: {what}: cut off or edited; get the bundle again")
