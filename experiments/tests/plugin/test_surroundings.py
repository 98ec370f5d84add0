"""Other people's projects, plugins and files around a checkout; one that is read-only."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
CASE = "experiments/tests/judging/test_registry.py"


def run(*words, cwd=ROOT, **environment):
    """Runs Python with ``words``: its exit status and all it printed."""
    done = subprocess.run(
        [sys.executable, *(str(word) for word in words)],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def clone(tmp_path):
    """A checkout below the project of somebody else, which has a configuration and a test."""
    (tmp_path / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    (tmp_path / "test_theirs.py").write_text("def test_it():\n    pass\n", encoding="utf-8")
    folder = tmp_path / "vendor" / "headclaims"
    folder.mkdir(parents=True)
    for name in ("conftest.py", "pyproject.toml", "ablation", "experiments", "baselines"):
        (folder / name).symlink_to(ROOT / name)
    return folder


@pytest.mark.slow
def test_a_run_of_a_project_around_the_checkout_leaves_it_alone(clone):
    status, output = run("-m", "pytest", "-p", "no:cacheprovider", cwd=clone.parents[1])
    assert (status, "1 passed" in output) == (0, True), output


@pytest.mark.slow
def test_files_called_like_our_packages_are_not_imported(tmp_path):
    for name in ("ablation.py", "experiments.py"):
        (tmp_path / name).write_text("raise SystemExit('imported')\n", encoding="utf-8")
    words = ("-m", "pytest", "-p", "no:cacheprovider", "-q", ROOT / CASE)
    status, output = run(*words, cwd=tmp_path, PYTHONPATH="")
    assert (status, " passed" in output) == (0, True), output


def test_the_command_line_says_which_file_is_in_its_way(tmp_path):
    (tmp_path / "ablation.py").write_text("", encoding="utf-8")
    code = f"import sys; sys.path += [{str(ROOT)!r}]; from experiments.cli.main import main; main()"
    status, output = run("-c", code, cwd=tmp_path, PYTHONPATH=str(tmp_path))
    assert status == 1
    assert output == (
        "Error: the package ablation of headclaims is required, but Python finds "
        f"{tmp_path / 'ablation.py'} first: rename that file, or take its folder off PYTHONPATH\n"
    )


PLUGIN = """
import warnings
import pytest

def pytest_addoption(parser):
    {option}

def pytest_configure(config):
    warnings.warn("theirs is deprecated", DeprecationWarning)

def pytest_sessionfinish(session):
    session.config.issue_config_time_warning(pytest.PytestWarning("theirs, late"), 2)
"""


def plugin(folder, option="pass"):
    (folder / "their_plugin.py").write_text(PLUGIN.format(option=option), encoding="utf-8")
    return f"{folder}{os.pathsep}{ROOT}"


@pytest.mark.slow
@pytest.mark.parametrize("workers", [0, 1])
def test_what_other_plugins_warn_of_is_no_failure(workers, tmp_path):
    words = ("-m", "pytest", "-p", "their_plugin", "-p", "no:cacheprovider", "-n", workers, CASE)
    status, output = run(*words, PYTHONPATH=plugin(tmp_path))
    assert (status, " passed" in output) == (0, True), output


def test_an_option_of_another_plugin_is_one_line(tmp_path):
    path = plugin(tmp_path, 'parser.getgroup("theirs").addoption("--device")')
    status, output = run("-m", "pytest", "-p", "their_plugin", CASE, PYTHONPATH=path)
    assert status == pytest.ExitCode.USAGE_ERROR
    assert output.startswith("ERROR: another plugin of pytest has an option that is needed here (")
    assert "--device" in output
    assert "-p no:NAME" in output
    assert len(output.strip().splitlines()) == 1


@pytest.mark.slow
def test_a_checkout_that_cannot_be_written_to_ends_with_its_table(tmp_path):
    # As root may write anywhere: a file where the folder of the cache would be.
    blocked = tmp_path / "cache"
    blocked.write_text("", encoding="utf-8")
    words = ("-m", "pytest", "-k", "A4", "-o", f"cache_dir={blocked}", "experiments/published")
    status, output = run(*words)
    assert status == 0, output
    assert "PytestCacheWarning" in output
    assert "= claims =" in output


@pytest.mark.slow
def test_what_we_warn_of_ourselves_fails(tmp_path):
    name = "experiments.tests.made_up"
    code = f"import warnings; warnings.warn_explicit('ours', UserWarning, 'f', 1, module={name!r})"
    test = tmp_path / "test_warning.py"
    test.write_text(f"def test_it():\n    {code}\n", encoding="utf-8")
    words = ("-m", "pytest", "-p", "no:cacheprovider", "-c", ROOT / "pyproject.toml", test)
    status, output = run(*words, f"--rootdir={ROOT}")
    assert (status, "UserWarning: ours" in output) == (1, True), output
