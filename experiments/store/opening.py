"""Which store a command or a test run uses."""

import os
import uuid
from collections.abc import Callable
from pathlib import Path

from ablation.assets.store import cache_folder
from ablation.errors import InvalidInput
from experiments.machine.files.json_files import check_writable
from experiments.store.bundle import Bundle
from experiments.store.folder import Run
from experiments.store.store import Store
from experiments.store.watch import Unwatched, Watch

VARIABLE = "HEADCLAIMS_STORE"
NONE = "none"

STORE_HELP = f"Folder of computed results ({VARIABLE}); {NONE}: a temporary one."


def store_root(chosen: str | None) -> Path:
    """The folder of the store: what was chosen, or else that of the environment or the user.

    Raises:
        InvalidInput: none was chosen where there must be one.
    """
    named = chosen or os.environ.get(VARIABLE)
    if named == NONE:
        raise InvalidInput(f"a folder is required here, got --store {NONE}: give one")
    return Path(named).expanduser().absolute() if named else cache_folder() / "results"


def open_store(
    chosen: str | None,
    temporary: Callable[[], Path],
    command: str,
    *,
    run: str | None = None,
    fresh: bool = False,
    bundle: Bundle | None = None,
    withheld: frozenset[str] = frozenset(),
    closed: bool = False,
    watch: Watch = Unwatched(),
) -> Store:
    """The store to compute into.

    Args:
        chosen: a folder, ``none``, or None for the usual one.
        temporary: makes the folder to use for ``none``.
        command: as the user gave it.
        run: the name of this run, the same in all its processes; None: a new one.
        fresh: use nothing that an earlier run has computed.
        bundle: more results, beneath those of the folder.
        withheld: what of them is computed anew.
        closed: compute nothing else.
        watch: is told what happens.

    Raises:
        ResultsError: nothing can be written there.
    """
    named = chosen or os.environ.get(VARIABLE)
    root = temporary() if named == NONE else store_root(named)
    check_writable(root, "--store")
    return Store(
        root, Run(run or uuid.uuid4().hex, command), fresh, bundle, withheld, closed, watch
    )
