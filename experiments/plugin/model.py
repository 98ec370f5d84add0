"""Fixtures of every experiment: the model of ``--model``, and where a run keeps its results."""

import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ablation.errors import HeadclaimsError, TooSmall
from experiments.plugin.bundles import STORE, audit_folder, chosen_layers
from experiments.plugin.options import chosen_engine, chosen_spec, worker_device
from experiments.plugin.progress import watch_of

if TYPE_CHECKING:
    from ablation.models.model import Model
    from experiments.store import Store


def pytest_configure(config: pytest.Config) -> None:
    # Said in the summary, and no reason to fail: a damaged result is computed again.
    config.addinivalue_line("filterwarnings", "default::experiments.store.DamagedResult")
    config.addinivalue_line("filterwarnings", "default::ablation.errors.Notice")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "chosen_model" in getattr(item, "fixturenames", ()):
            item.add_marker("model")


@pytest.fixture(scope="session")
def run_folder(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where files are exported to: one folder for all workers of this run."""
    return _folder_of_run(pytestconfig, tmp_path_factory)


def folder_of_run(config: pytest.Config) -> Path:
    """As the fixture ``run_folder``, for plugins."""
    return _folder_of_run(config, config._tmp_path_factory)  # type: ignore[attr-defined]


def _folder_of_run(config: pytest.Config, factory: pytest.TempPathFactory) -> Path:
    chosen: Path | None = config.getoption("out")
    if chosen is not None:
        return chosen.resolve()
    base = factory.getbasetemp()
    # A worker's own folder lies inside the run's.
    in_worker = base.name.startswith("popen-gw")
    return (base.parent if in_worker else base) / "headclaims"


@pytest.fixture(scope="session")
def store(pytestconfig: pytest.Config, run_folder: Path) -> "Store":
    """The results of ``--store``; all workers of this run have the same."""
    from experiments.store.opening import open_store

    worker = getattr(pytestconfig, "workerinput", {})
    # Where pytest itself lies is nobody's business; baselines are committed.
    command = shlex.join(["pytest", *worker.get("mainargv", sys.argv)[1:]])
    opened = open_store(
        audit_folder(pytestconfig) or pytestconfig.getoption("store"),
        lambda: run_folder / "store",
        command,
        run=worker.get("testrunuid"),
        fresh=pytestconfig.getoption("fresh"),
        **chosen_layers(pytestconfig),
        watch=watch_of(pytestconfig),
    )
    pytestconfig.stash[STORE] = opened
    return opened


@pytest.fixture(scope="session")
def chosen_model(pytestconfig: pytest.Config) -> "Model":
    """The model of ``--model``, loaded when something is first computed with it."""
    from ablation.models.model import open_model

    return open_model(
        chosen_spec(pytestconfig),
        worker_device(pytestconfig),
        pytestconfig.getoption("dtype"),
        chosen_engine(pytestconfig),
    )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Iterator[None]:
    with _one_line(item):
        return (yield)  # type: ignore[return-value]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    with _one_line(item):
        return (yield)  # type: ignore[return-value]


@contextmanager
def _one_line(item: pytest.Item) -> Iterator[None]:
    """What a user can cause fails a case on a model with its message alone.

    That a model is too small for a claim is nobody's mistake: the case is skipped, and blocked.
    """
    try:
        yield
    except HeadclaimsError as error:
        if item.get_closest_marker("model") is None:
            raise
        if isinstance(error, TooSmall):
            pytest.skip(str(error))
        raise pytest.fail.Exception(str(error), pytrace=False) from None
