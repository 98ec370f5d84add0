"""Which commit provenance names: that of the code, and of nothing that lies around it."""

import shutil
import subprocess
from pathlib import Path

import pytest

from experiments.machine import environment
from experiments.machine.environment import checkout_of

NONE = {"commit": None, "dirty": None}

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="needs git on the path")


def git(folder, *arguments):
    named = ["-c", "user.name=Nobody", "-c", "user.email=nobody@example.org"]
    named += ["-c", "commit.gpgsign=false"]
    done = subprocess.run(
        ["git", "-C", folder, *named, *arguments], check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


@pytest.fixture(autouse=True)
def no_hook(monkeypatch):
    """These tests may themselves run in a hook."""
    for name in environment.OF_ANOTHER_REPOSITORY:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def repository(tmp_path):
    """A repository with a committed module and a commit of its own."""
    folder = tmp_path / "repository"
    (folder / "experiments").mkdir(parents=True)
    git(folder, "init", "-q")
    shutil.copy(Path(environment.__file__), folder / "experiments")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "The module")
    return folder


def test_a_checkout_has_its_commit_and_is_dirty_once_a_file_changes(repository):
    module = repository / "experiments" / "environment.py"
    head = git(repository, "rev-parse", "HEAD")
    assert checkout_of(module) == {"commit": head, "dirty": False}
    (repository / "baselines").mkdir()
    (repository / "baselines" / "figure.json").write_text("{}", encoding="utf-8")
    assert checkout_of(module) == {"commit": head, "dirty": False}
    module.write_text("changed", encoding="utf-8")
    assert checkout_of(module) == {"commit": head, "dirty": True}


def test_an_installation_inside_another_repository_has_no_commit(repository):
    installed = repository / "venv" / "site-packages" / "experiments"
    installed.mkdir(parents=True)
    shutil.copy(Path(environment.__file__), installed)
    assert checkout_of(installed / "environment.py") == NONE
    (repository / ".gitignore").write_text("venv\n", encoding="utf-8")
    assert checkout_of(installed / "environment.py") == NONE


def test_what_is_in_no_repository_has_no_commit(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    (tmp_path / "module.py").write_text("", encoding="utf-8")
    assert checkout_of(tmp_path / "module.py") == NONE


def test_a_hook_of_another_repository_does_not_lend_its_commit(repository, tmp_path, monkeypatch):
    other = tmp_path / "other"
    other.mkdir()
    git(other, "init", "-q")
    git(other, "commit", "-q", "--allow-empty", "-m", "Another")
    head = git(repository, "rev-parse", "HEAD")
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    assert checkout_of(repository / "experiments" / "environment.py")["commit"] == head


def test_a_machine_without_git_has_no_commit(repository, monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert checkout_of(repository / "experiments" / "environment.py") == NONE
