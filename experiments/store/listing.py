"""What a store holds: listed, verified, tidied. Works on any folder, without a model or torch."""

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from ablation.assets.bounded_files import read_bytes
from ablation.errors import InvalidInput, ResultsError
from experiments.store.documents import Damaged, Document
from experiments.store.folder import DOCUMENTS
from experiments.store.reading import DAMAGED, read_document
from experiments.store.store import LOCKS

NAMED_HEADS = 3
SHORTEST_DIGEST = 6


@dataclass(frozen=True)
class Entry:
    """A document as a line of a list.

    Attributes:
        path: its file, named after its digest.
        kind: of result.
        size: bytes.
        age: seconds since it was stored; 0 if the clock was set back since.
        about: model, question, heads, as far as the kind has them.
    """

    path: Path
    kind: str
    size: int
    age: float
    about: str

    @property
    def digest(self) -> str:
        return self.path.stem


def entries(root: Path) -> Iterator[Entry]:
    """The documents under ``root``, by kind and digest; checksums are left to ``problems``."""
    now = time.time()
    for path in paths(root):
        try:
            status = path.stat()
        except OSError:
            continue  # pruned or moved aside meanwhile
        try:
            about = _about(json.loads(read_bytes(path)))
        except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
            about = "damaged"
        age = max(0.0, now - status.st_mtime)
        yield Entry(path, path.parents[1].name, status.st_size, age, about)


def paths(root: Path) -> list[Path]:
    """The files of the documents under ``root``, by kind and digest."""
    # Of a hundred thousand, texts are compared in a tenth of the time that paths are.
    return sorted((root / DOCUMENTS).glob("*/??/*.json"), key=str)


def stored_documents(root: Path) -> Iterator[Document]:
    """The documents under ``root``, by kind and digest.

    Raises:
        ResultsError: one is damaged or of a later schema.
    """
    for path in paths(root):
        try:
            document = read_document(path)
        except Damaged as error:
            raise ResultsError(
                f"{path}: {error}: see `headclaims results verify`, and remove it"
            ) from None
        if document is not None:  # pruned meanwhile
            yield document


def find_document(root: Path, digest: str) -> Document:
    """The document whose digest begins with ``digest``.

    Raises:
        InvalidInput: there is none, or several.
        ResultsError: it is damaged or of a later schema.
    """
    digest = digest.lower()
    if len(digest) < SHORTEST_DIGEST or not set(digest) <= set("0123456789abcdef"):
        raise InvalidInput(
            f"the first {SHORTEST_DIGEST} digits or more of a result are required, got "
            f"{digest!r}: see `headclaims results list`"
        )
    found = sorted((root / DOCUMENTS).glob(f"*/{digest[:2]}/{digest}*.json"))
    if len(found) != 1:
        raise InvalidInput(
            f"{len(found)} results in {root} begin with {digest!r}, and one is required: see "
            "`headclaims results list`"
        )
    try:
        document = read_document(found[0])
    except Damaged as error:
        raise ResultsError(
            f"{found[0]}: {error}; whoever needs it moves it aside and computes it again"
        ) from None
    if document is None:
        raise InvalidInput(f"{found[0]} is gone meanwhile: see `headclaims results list`")
    return document


def problems(root: Path) -> Iterator[tuple[Path, str | None]]:
    """Every document under ``root``, with what is wrong with it; None: nothing."""
    for path in paths(root):
        problem: str | None = None
        try:
            document = read_document(path)
            if document is not None and document.unit.digest != path.stem:
                problem = "the result of something else under this name"
            elif document is not None and document.unit.kind != path.parents[1].name:
                problem = "in the folder of another kind"
        except ResultsError as error:
            problem = str(error).removeprefix(f"{path}: ")
        yield path, problem


def leftovers(root: Path) -> Iterator[Path]:
    """What no run needs: damaged documents, what killed processes left, locks nobody holds."""
    yield from sorted((root / DAMAGED).glob("*"))
    for path in sorted((root / DOCUMENTS).glob("*/??/.*.tmp")):
        if _is_free(root / LOCKS / f"{path.name[1:].split('.')[0]}.lock"):
            yield path
    for path in sorted((root / LOCKS).glob("*.lock")):
        if _is_free(path):
            yield path


def remove(path: Path) -> int:
    """Removes a file of the store: the bytes that are free now.

    Raises:
        ResultsError: it cannot be removed.
    """
    try:
        size = path.stat().st_size
        path.unlink()
    except FileNotFoundError:
        return 0
    except OSError as error:
        raise ResultsError(f"{path}: cannot be removed ({error.strerror})") from None
    return size


def _is_free(lock: Path) -> bool:
    if not lock.exists():
        return True
    with suppress(Timeout), FileLock(lock, timeout=0):
        return True
    return False


def _about(body: Mapping[str, Any]) -> str:
    key, result = body["key"], body["result"]
    parts = [body["provenance"].get("model"), result.get("question", key.get("question"))]
    parts.append(key.get("method"))
    tokens = result.get("tokens", result.get("total_tokens"))
    parts.append(None if tokens is None else f"{tokens} tokens")
    ablation = key.get("ablation") or {}  # None where nothing is ablated
    parts += [ablation.get("mode"), None if ablation.get("bias") != "keep" else "bias kept"]
    parts.append(None if ablation.get("scope") in (None, "all") else f"scope {ablation['scope']}")
    if "heads" in key:
        heads = key["heads"]
        few = " ".join(heads) if len(heads) <= NAMED_HEADS else f"{len(heads)} heads"
        parts.append(few or "unablated")
    return ", ".join(str(part) for part in parts if part)
