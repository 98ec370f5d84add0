"""Writes a bundle, see ``experiments.store.bundle``."""

import hashlib
import io
import json
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

from experiments.machine.files.json_files import json_text, storing, write_bytes
from experiments.store.bundle import MANIFEST, PART, SCHEMA, Judged, Part, member_name
from experiments.store.documents import Document

_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The first time a zip knows: the same documents are the same bytes."""


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
    listing: dict[str, list[Part]] = {}
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as file:
        for kind, of_kind in groupby(sorted(documents, key=_order), lambda one: one.unit.kind):
            parts = listing[kind] = []
            for digests, lines in _parts(of_kind):
                _add(file, member_name(kind, len(parts)), b"\n".join(lines))
                sums = [hashlib.sha256(line).hexdigest() for line in lines]
                parts.append(list(zip(digests, sums, strict=True)))
        manifest = {
            "bundle": SCHEMA,
            "judged": judged and {"claims": judged.claims, "options": judged.options},
            "documents": listing,
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


def _order(document: Document) -> tuple[str, str, str]:
    """Results of one cell stand together: they are asked for together, and alike."""
    unit = document.unit
    return unit.kind, json.dumps(dict(unit.key), sort_keys=True), unit.digest


def _parts(documents: Iterable[Document]) -> Iterator[tuple[list[str], list[bytes]]]:
    """Digests and lines of documents, in parts of at most ``PART`` bytes, or of one line."""
    digests: list[str] = []
    lines: list[bytes] = []
    size = 0
    for document in documents:
        line = document.line().encode()
        if lines and size + len(line) >= PART:
            yield digests, lines
            digests, lines, size = [], [], 0
        digests.append(document.unit.digest)
        lines.append(line)
        size += len(line) + 1
    if lines:
        yield digests, lines
