"""What takes long to find out and follows from what is known: kept in the cache, a file for each.

The prompts of a cell follow from tokenizer, filings and code, and a model's size from its files:
whoever only looks up results need not load torch, transformers or weights to know them. A file that
is damaged, cannot be written, or was made otherwise than it would be today counts as none.
"""

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from pathlib import Path
from typing import Any

from ablation.assets.store import cache_folder

FOLDER = "kept"

MOST = 100
"""Files; beyond, those go that were not used for longest. The prompts of a cell with 80 filings
take a quarter of a megabyte at 512 tokens, and more as they are longer."""


def kept(
    kind: str, of: Mapping[str, Any], made_with: Mapping[str, Any], make: Callable[[], Any]
) -> Any:
    """What ``make`` gives, found again as long as ``made_with`` stays the same.

    Args:
        kind: of thing, a part of the file's name.
        of: JSON that tells it from others of its kind; one file is kept for each.
        made_with: JSON, all else that it depends on.
        make: finds it out; JSON.
    """
    path = cache_folder() / FOLDER / f"{kind}-{_digest(of)}.json"
    made_with = {"of": dict(of), **made_with}
    with suppress(OSError, ValueError, LookupError, TypeError, RecursionError):
        stored = json.loads(path.read_bytes())
        content = stored["content"]
        if stored["made_with"] == made_with and stored["sha256"] == _digest(content):
            with suppress(OSError):  # of somebody else's, or read-only
                os.utime(path)  # used: others go first
            return content
    # As it is read again: tuples become lists.
    content = json.loads(json.dumps(make()))
    text = json.dumps({"made_with": made_with, "content": content, "sha256": _digest(content)})
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            temporary.write_text(text, encoding="utf-8")
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
        for old in sorted(path.parent.glob("*.json"), key=_used)[:-MOST]:
            old.unlink(missing_ok=True)
    return content


@cache
def code(*modules: str) -> dict[str, str]:
    """What modules, packages with all below them, or distributions (``name==``) are of today.

    Ours by a hash of their source, so that no version need be raised by hand.
    """
    found = {}
    for name in modules:
        if name.endswith("=="):
            found[name] = _version(name.removesuffix("=="))
        else:
            found[name] = _source_sha256(name)
    return found


def file_state(path: Path) -> list[int]:
    """Size, times and identity of a file: whatever changes its content changes one of them.

    The time of its last change among them: archives may give two files of one size one mtime, and a
    file system the second the inode of the first.
    """
    status = path.stat()
    return [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]


def _used(path: Path) -> float:
    return path.stat().st_mtime


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "none"


def _source_sha256(module: str) -> str:
    package, *parts = module.split(".")
    root = Path(str(files(package))).joinpath(*parts)
    sources = sorted(root.rglob("*.py")) if root.is_dir() else [root.with_suffix(".py")]
    digest = hashlib.sha256()
    for source in sources:
        digest.update(source.name.encode())
        digest.update(source.read_bytes())
    return digest.hexdigest()


def _digest(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
