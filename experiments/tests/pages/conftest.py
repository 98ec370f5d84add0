"""One computed cell of a tiny model, for whatever shows results."""

import json
import shutil

import pytest

from experiments.cli.main import main
from experiments.tests.conftest import TINY_TOKENS

CELL = ("--question", "inc_state", "--tokens", str(TINY_TOKENS), "--synthetic", "20")
LEVELS = "5,10,20,30"
"""Those of the claims at which a model of 64 heads has controls."""


@pytest.fixture(scope="session")
def computed_once(tiny, made_once):
    """A folder with a store and the study's files; tests take copies."""

    def compute(folder):
        places = ("--store", str(folder / "store"), "--out", str(folder / "results"))
        with pytest.raises(SystemExit) as ended:
            main(["ablate", "--model", str(tiny), *CELL, "--levels", LEVELS, *places])
        assert ended.value.code == 0

    return made_once("computed", compute)


@pytest.fixture
def computed(headclaims, computed_once, tmp_path):
    """Puts the results into the store of ``headclaims``; gives the study's file of the cell."""
    shutil.copytree(computed_once / "store", tmp_path / "store")
    (path,) = (computed_once / "results/phase3").rglob(f"*_{TINY_TOKENS}.json")
    return json.loads(path.read_text(encoding="utf-8"))
