import os
from unittest.mock import patch

import pytest
from filelock import FileLock

from ablation.tests.support.kept_facts import own_kept_facts  # noqa: F401
from experiments.cli.main import main

# torch is imported in fixtures only, see ablation/tests/conftest.py.

# A study of its own, run by test_third_study.py.
collect_ignore = ["whole_runs/example_study"]

TINY_TOKENS = 400
"""A needle cut to the passage around the fact; whole, it takes the byte tokenizer about 1,000."""

SMALL = ("--question", "inc_state", "--tokens", TINY_TOKENS, "--synthetic", 6, "--levels", "2,4")
"""What makes a cell small."""


@pytest.fixture(autouse=True)
def no_job_summary(monkeypatch):
    """Runs of made-up claims are none of the CI job's that these tests may run in."""
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)


@pytest.fixture
def own_environment():
    """Takes back what a command or a worker in this process sets for what it imports."""
    with patch.dict(os.environ):
        yield


@pytest.fixture(scope="session")
def made_once(tmp_path_factory):
    """Gives a folder that is made once for all workers of ``-n``; tests read it only."""
    own = tmp_path_factory.getbasetemp()
    of_all = own.parent if own.name.startswith("popen-gw") else own

    def folder_of(name, make):
        folder = of_all / name
        with FileLock(f"{folder}.lock"):
            if not folder.exists():
                make(own / name)
                (own / name).rename(folder)
        return folder

    return folder_of


@pytest.fixture(scope="session")
def tiny(made_once):
    """A model directory with 64 heads: 50 top ones leave 14 for controls."""
    from ablation.tests.support.tiny_models import tiny_directory

    return made_once("tiny", tiny_directory)


@pytest.fixture(scope="session")
def tiny_key(tiny):
    """What its results are called after."""
    from ablation.models.registry import model_spec

    return model_spec(str(tiny)).key


@pytest.fixture(scope="module", autouse=True)
def own_store(tmp_path_factory):
    """Nothing of a module reaches the store of the user, or that of another module."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("HEADCLAIMS_STORE", str(tmp_path_factory.mktemp("store")))
        yield


@pytest.fixture
def headclaims(capfd, monkeypatch, tmp_path):
    """Runs the command line in an empty folder, with an empty store: (status, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HEADCLAIMS_STORE", str(tmp_path / "store"))
    # What is said on stderr is not to depend on how fast the machine is.
    for module in ("cli.progress", "store.progress.display"):
        monkeypatch.setattr(f"experiments.{module}.IN_A_LOG", 3600.0)

    def run(*arguments):
        capfd.readouterr()  # what the test itself has said so far, of saving a model
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        out, err = capfd.readouterr()
        return ended.value.code, out, err

    return run
