"""Stored results in one file that travels: to a reviewer, to CI, into the repository.

A zip of the documents of a store and a manifest::

    manifest.json                 {"bundle": 1, "documents": {kind: {digest: sha256}}, "judged": …}
    documents/{digest}.json       as in the store

Names in the zip are never used as paths: a document is looked for under its digest, is the one that
the manifest's checksum says, and proves itself as in the store. What a bundle claims to be computed
is another matter; ``experiments.audit`` computes a sample of it again.
"""

import hashlib
import io
import json
import random
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from ablation.bounded_files import LARGEST, bounded
from ablation.errors import InvalidInput, ResultsError, first_line
from experiments.files.json_files import json_text, storing, write_bytes
from experiments.store.documents import Damaged, Document, TooNew, WorkUnit, parse

SCHEMA = 1
"""Of the manifest; raised whenever an older headclaims would misread it."""

MANIFEST = "manifest.json"
LARGEST_MANIFEST = 16_000_000
"""Bytes: a hundred thousand documents."""

_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)
_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The first time a zip knows: the same documents are the same bytes."""


@dataclass(frozen=True)
class Judged:
    """What the documents of a bundle are behind: a run of pytest that asked for all of them.

    Attributes:
        claims: ids of the claims that it judged.
        options: its options that change what is computed, as words of the command line.
    """

    claims: tuple[str, ...]
    options: tuple[str, ...] = ()


@dataclass(frozen=True)
class Bundle:
    """The documents in the file ``path``.

    Attributes:
        path: the file.
        documents: kind -> digest of a unit -> SHA-256 of the document's bytes.
        judged: what they are behind, where that is known.
    """

    path: Path
    documents: Mapping[str, Mapping[str, str]]
    judged: Judged | None
    _open: dict[str, zipfile.ZipFile] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def digests(self) -> dict[str, tuple[str, str]]:
        """Digest of a unit -> its kind and the SHA-256 of its document's bytes."""
        return {
            digest: (kind, sha256)
            for kind, of_kind in self.documents.items()
            for digest, sha256 in of_kind.items()
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
        data = _member(self._zip(), _name(digest), LARGEST, self.path)
        kind, sha256 = self.digests[digest]
        if hashlib.sha256(data).hexdigest() != sha256:
            raise _bad(self.path, f"{digest[:12]} is not the document of its manifest")
        try:
            document = parse(data)
        except (Damaged, TooNew) as error:
            raise _bad(self.path, f"{digest[:12]}: {error}") from None
        if (document.unit.digest, document.unit.kind) != (digest, kind):
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
        drawn = [chance.choice(sorted(of_kind)) for _, of_kind in sorted(self.documents.items())]
        rest = sorted(self.digests.keys() - {*drawn})
        chance.shuffle(rest)
        return frozenset(drawn + rest[: max(0, count - len(drawn))])

    def _zip(self) -> zipfile.ZipFile:
        # Opened once a process, and not when the bundle is only named.
        if "zip" not in self._open:
            self._open["zip"] = _opened(self.path)
        return self._open["zip"]


def read_bundle(path: Path) -> Bundle:
    """The bundle in the file ``path``; its documents are proven when they are read.

    Raises:
        InvalidInput: there is no such file, it is no bundle, or one of a later headclaims.
        ResultsError: it is damaged.
    """
    if not path.is_file():
        raise InvalidInput(f"{path}: a bundle is required, and there is no such file: check it")
    with _opened(path) as opened:
        if MANIFEST not in opened.namelist():
            raise InvalidInput(f"{path}: no bundle of `headclaims results export`: give one")
        data = _member(opened, MANIFEST, LARGEST_MANIFEST, path)
        names = opened.namelist()
    try:
        manifest = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise _bad(path, f"its manifest is not JSON ({first_line(error)})") from None
    schema = manifest.get("bundle") if isinstance(manifest, dict) else None
    if type(schema) is not int:
        raise InvalidInput(f"{path}: no bundle of `headclaims results export`: give one")
    if schema > SCHEMA:
        raise InvalidInput(
            f"{path}: of schema {schema}, and this version reads up to {SCHEMA}: update headclaims"
        )
    documents = manifest.get("documents")
    if not _is_listing(documents):
        raise _bad(path, "its manifest does not list documents by kind, digest and checksum")
    bundle = Bundle(path, documents, _judged(manifest.get("judged"), path))
    expected = {MANIFEST, *map(_name, bundle.digests)}
    if sorted(names) != sorted(expected):
        odd = sorted({*names} ^ expected) or ["a name twice"]
        raise _bad(path, f"it does not hold what its manifest lists, the first is {odd[0][:80]!r}")
    return bundle


def write_bundle(
    path: Path,
    documents: Iterable[Document],
    judged: Judged | None,
    provenance: Mapping[str, Any],
) -> int:
    """Writes a bundle, whole or not at all; its size in bytes.

    Args:
        path: the file.
        documents: what it is to hold.
        judged: what they are behind.
        provenance: how the bundle came about; each document has its own.

    Raises:
        ResultsError: it cannot be written.
    """
    listing: dict[str, dict[str, str]] = {}
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as file:
        for document in sorted(documents, key=lambda one: one.unit.digest):
            data, digest = document.text().encode(), document.unit.digest
            listing.setdefault(document.unit.kind, {})[digest] = hashlib.sha256(data).hexdigest()
            _add(file, _name(digest), data)
        manifest = {
            "bundle": SCHEMA,
            "judged": judged and {"claims": judged.claims, "options": judged.options},
            "documents": dict(sorted(listing.items())),
            "provenance": dict(provenance),
        }
        _add(file, MANIFEST, json_text(manifest).encode())
    with storing(path, "FILE"):
        write_bytes(path, content.getvalue())
    return len(content.getvalue())


def _add(file: zipfile.ZipFile, name: str, data: bytes) -> None:
    entry = zipfile.ZipInfo(name, _EPOCH)
    entry.external_attr = 0o644 << 16
    file.writestr(entry, data, zipfile.ZIP_DEFLATED, compresslevel=9)


def _name(digest: str) -> str:
    return f"documents/{digest}.json"


def _opened(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError) as error:
        raise InvalidInput(f"{path}: no bundle ({first_line(error)}): give one") from None


def _member(opened: zipfile.ZipFile, name: str, largest: int, path: Path) -> bytes:
    """The bytes under a name; never more than ``largest``, whatever the zip says of its size."""
    try:
        with opened.open(name) as file:
            return bounded(file.read(largest + 1), largest)
    except Exception as error:  # a damaged zip raises what its decompressors do
        raise _bad(path, f"{name} cannot be read ({first_line(error)})") from None


def _is_listing(documents: Any) -> bool:
    return isinstance(documents, dict) and all(
        isinstance(of_kind, dict)
        and all(
            isinstance(sha256, str) and _DIGEST.fullmatch(digest) and _DIGEST.fullmatch(sha256)
            for digest, sha256 in of_kind.items()
        )
        for of_kind in documents.values()
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
