"""The shell commands of the recipes for CI, with this environment in the place of a new one."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from ablation.tests.support.tiny_models import tiny_directory

ROOT = Path(__file__).parents[3]

pytestmark = pytest.mark.slow


@pytest.fixture
def run(tmp_path):
    """Runs a script in ``tmp_path``; its ``pytest`` judges nothing, but says what it would run.

    ``pip`` does nothing there.
    """
    tools = tmp_path / "headclaims-tools/bin"
    tools.mkdir(parents=True)
    judges = f"{shlex.quote(sys.executable)} -m pytest"
    collects = f'echo "$@"; {judges} "$@" --collect-only -qq -p no:cacheprovider\n'
    for name, does in (("pip", "exit 0\n"), ("pytest", collects)):
        path = tools / name
        path.write_text(f"#!/bin/bash\n{does}", encoding="utf-8")
        path.chmod(0o755)
    surroundings = {
        "PATH": f"{tools}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "HEADCLAIMS_STORE": str(tmp_path / "results"),
        "GIT_CONFIG_COUNT": "1",  # the checkout of a test may belong to somebody else
        "GIT_CONFIG_KEY_0": "safe.directory",
        "GIT_CONFIG_VALUE_0": "*",
    }

    def execute(script, **variables):
        return subprocess.run(
            ["bash", "-e", "-o", "pipefail", "-c", script],
            cwd=tmp_path,
            env={**surroundings, **variables},
            capture_output=True,
            text=True,
        )

    return execute


@pytest.mark.parametrize("commit", ["HEAD", "0" * 40])
def test_gitlab(run, tmp_path, commit):
    text = (ROOT / "experiments/plugin/recipes/gitlab-ci.yml").read_text(encoding="utf-8")
    job = yaml.safe_load(text)["claims"]
    tiny_directory(tmp_path / "model")
    found = run(
        "\n".join(job["script"]),
        CI_PROJECT_DIR=str(tmp_path),
        HEADCLAIMS_REPOSITORY=str(ROOT),
        HEADCLAIMS_COMMIT=commit,
    )
    if commit != "HEAD":
        assert commit in found.stderr  # there is none such
        return
    assert found.returncode == 0, found.stderr
    assert "experiments/qrhead/test_claims.py" in found.stdout


@pytest.mark.parametrize("options", ["", "--tokens=400 --store=data"])
def test_github(run, tmp_path, options):
    steps = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))["runs"]["steps"]
    (judging,) = (step["run"] for step in steps if "bin/pytest" in step.get("run", ""))
    tiny_directory(tmp_path / "model")
    (tmp_path / "data").mkdir()
    (tmp_path / "headclaims").symlink_to(tmp_path / "headclaims-tools")
    found = run(
        judging,
        HERE=str(ROOT),
        RUNNER_TEMP=str(tmp_path),
        MODEL="model",
        CLAIMS="qrhead",
        OPTIONS=options,
    )
    assert found.returncode == 0, found.stderr
    assert "experiments/qrhead/test_claims.py" in found.stdout
    asked = found.stdout.splitlines()[0].split()
    assert f"--model={tmp_path}/model" in asked
    if options:
        assert {"--tokens=400", f"--store={tmp_path}/data"} <= set(asked)
