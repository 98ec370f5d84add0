"""Thin: options, fixtures and the claims table are plugins; shape checks are switched on here."""

import sys
from importlib import import_module
from pathlib import Path

import pytest

HERE = Path(__file__).parent

# The checkout's own packages, and not files of the user's that are called like them.
sys.path.insert(0, str(HERE))

# Shapes in signatures are enforced in every test; must run before the library is first imported.
# Only where there are shapes: modules of tests are imported by pytest's own hook.
_WITH_SHAPES = (
    "ablator", "detection", "engine", "hooks", "metrics", "models.checks", "models.planted",
    "modes", "passes", "stats",
)  # fmt: skip
_OF_TESTS = ("lasting_objects", "quick_run", "shape_checks", "shared_work")

_checked = import_module("ablation.tests.support.checked")  # not above: of the path just set
_checked.check_shapes([f"ablation.{part}" for part in _WITH_SHAPES])


def pytest_addoption(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    # Not ``pytest_plugins``, which is an error where this is not the topmost conftest.
    config = pluginmanager.get_plugin("pytestconfig")
    if _is_ours(config):
        from experiments.plugin import PLUGINS

        ours = (f"ablation.tests.support.{name}" for name in _OF_TESTS)
        for name in ("pytester", *ours, *PLUGINS):
            pluginmanager.import_plugin(name)


def pytest_ignore_collect(config: pytest.Config) -> bool | None:
    """Leaves the cases alone in a run of another project, below which this was cloned."""
    return None if _is_ours(config) else True


def _is_ours(config: pytest.Config) -> bool:
    return config.rootpath == HERE
