"""Fixtures of every experiment: the model of ``--model``, and where a run keeps its results."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ablation.errors import HeadclaimsError
from experiments.plugin.options import chosen_engine, chosen_spec, worker_device

if TYPE_CHECKING:
    from ablation.loading import LoadedModel


@pytest.fixture(scope="session")
def run_folder(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all workers of this run, and for no other run unless ``--out`` names it."""
    chosen = pytestconfig.getoption("out")
    if chosen is not None:
        return chosen.resolve()
    base = tmp_path_factory.getbasetemp()
    # A worker's own folder lies inside the run's.
    in_worker = base.name.startswith("popen-gw")
    return (base.parent if in_worker else base) / "headclaims"


@pytest.fixture(scope="session")
def loaded_model(pytestconfig: pytest.Config) -> "LoadedModel":
    """The model of ``--model``, loaded when first asked for."""
    from ablation.loading import load_model

    return load_model(
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
    """What a user can cause fails a case on a model with its message alone."""
    try:
        yield
    except HeadclaimsError as error:
        if item.get_closest_marker("model") is None:
            raise
        raise pytest.fail.Exception(str(error), pytrace=False) from None
