"""JSON documents on disk: written whole or not at all, read with one-line errors."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ablation.assets.bounded_files import LARGEST, read_bytes
from ablation.errors import InvalidInput, ResultsError, first_line


def write_json(path: Path, document: object) -> None:
    """Writes the document as ``write_text`` does.

    Raises:
        ValueError: the document holds NaN or infinity.
        OSError: the file cannot be written.
    """
    write_text(path, json_text(document))


def json_text(document: object) -> str:
    """The document as our files hold it.

    Raises:
        ValueError: it holds NaN or infinity.
    """
    text = json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    # A path that is no UTF-8 has lone surrogates in it: JSON escapes them, as Python does.
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def write_text(path: Path, text: str, *, flushed: bool = False) -> None:
    """Writes the file; whoever reads ``path`` meanwhile, or after a kill, finds a whole one.

    With ``flushed`` also after a power cut. The temporary file carries the process id: one worker
    may be killed and another take its place.

    Raises:
        OSError: the file cannot be written.
    """
    write_bytes(path, text.encode("utf-8"), flushed=flushed)


def write_bytes(path: Path, data: bytes, *, flushed: bool = False) -> None:
    """Writes the file as ``write_text`` does.

    Raises:
        OSError: the file cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            if flushed:
                file.flush()
                os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


@contextmanager
def storing(path: Path, option: str = "--out") -> Iterator[None]:
    """Turns what a full or read-only disk raises into one line.

    Raises:
        ResultsError: ``path`` cannot be written; it names ``option`` as the way out.
    """
    try:
        yield
    except OSError as error:
        raise ResultsError(
            f"{path}: the result cannot be stored ({error.strerror or error}): free some space, "
            f"or give another folder with {option}"
        ) from error


def read_json(path: Path, largest: int = LARGEST) -> Any:
    """The document in ``path``.

    Raises:
        ResultsError: the file cannot be read, is beyond what ``read_bytes`` takes, or not JSON.
    """
    try:
        return json.loads(read_text(path, largest))
    except (ValueError, RecursionError) as error:
        raise ResultsError(
            f"{path}: not a JSON document ({first_line(error)}): restore it, or give another"
        ) from None


def read_text(path: Path, largest: int = LARGEST) -> str:
    """The text of ``path``.

    Raises:
        ResultsError: the file cannot be read, is beyond what ``read_bytes`` takes, or not UTF-8.
    """
    try:
        return read_bytes(path, largest).decode("utf-8-sig")  # some editors write a BOM
    except OSError as error:
        raise ResultsError(f"{path}: cannot be read ({error.strerror}): check the path") from None
    except UnicodeDecodeError as error:
        raise ResultsError(
            f"{path}: not a text in UTF-8 ({first_line(error)}): restore it, or give another"
        ) from None
    except ValueError as error:
        raise ResultsError(f"{path}: {error}: give a smaller one") from None


def check_file_writable(path: Path, option: str) -> None:
    """Proves that the file of an option can be written, before hours are spent.

    Raises:
        InvalidInput: it cannot be.
    """
    if path.is_dir():
        raise InvalidInput(f"{option} needs a file, {path} is a folder")
    try:
        check_writable(path.parent)
    except ResultsError:
        raise InvalidInput(
            f"{option}: {path.parent} cannot be written to: give another file"
        ) from None


def check_writable(folder: Path, option: str = "--out") -> None:
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
            f"with {option}"
        ) from None
