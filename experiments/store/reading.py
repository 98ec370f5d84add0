"""Reads a document of a store from its file, and moves a damaged one out of the way."""

from pathlib import Path

from ablation.assets.bounded_files import read_bytes
from ablation.errors import ResultsError
from experiments.machine.files.json_files import storing
from experiments.store.documents import Damaged, Document, TooNew, parse

DAMAGED = "damaged"
"""The folder of a store with what is no document any more."""


def read_document(path: Path) -> Document | None:
    """The document in ``path``; None if there is none.

    Raises:
        Damaged: it is not what was stored.
        ResultsError: it cannot be read, or is of a later schema.
    """
    try:
        return parse(read_bytes(path))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ResultsError(
            f"{path}: the result cannot be read ({error.strerror}): check the folder, or give "
            "another with --store"
        ) from None
    except ValueError as error:
        raise Damaged(str(error)) from None
    except TooNew as error:
        raise ResultsError(
            f"{path}: {error}: update headclaims, or give another folder with --store"
        ) from None


def move_aside(path: Path, root: Path) -> Path:
    """Moves a damaged document of the store in ``root`` to where nobody looks for results.

    Raises:
        ResultsError: it cannot be moved.
    """
    folder, number = root / DAMAGED, 0
    with storing(path, "--store"):
        folder.mkdir(exist_ok=True)
        while (aside := folder / f"{path.stem}.{number}{path.suffix}").exists():
            number += 1
        path.replace(aside)
    return aside
