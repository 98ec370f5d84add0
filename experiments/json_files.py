"""JSON documents on disk: written whole or not at all, read with one-line errors."""

import json
import os
from pathlib import Path
from typing import Any

from ablation.errors import ResultsError


def write_json(path: Path, document: object) -> None:
    """Writes the document; whoever reads ``path`` meanwhile, or after a crash, finds a whole file.

    The temporary file carries the process id: one worker may be killed and another take its place.

    Raises:
        ValueError: the document holds NaN or infinity.
        OSError: the file cannot be written.
    """
    text = json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_text(text, encoding="utf-8", newline="\n")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def read_json(path: Path) -> Any:
    """The document in ``path``.

    Raises:
        ResultsError: the file cannot be read or is not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ResultsError(f"{path}: cannot be read ({error.strerror}): check the path") from None
    except ValueError as error:
        raise ResultsError(
            f"{path}: not a JSON document ({error}): remove it to have it computed again"
        ) from None


def check_writable(folder: Path) -> None:
    """Makes ``folder`` and proves that a file can be written there, before hours are spent.

    Raises:
        ResultsError: it cannot be.
    """
    probe = folder / f".writable.{os.getpid()}.tmp"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise ResultsError(
            f"results cannot be written to {folder} ({error.strerror}): give another folder "
            "with --out"
        ) from None
