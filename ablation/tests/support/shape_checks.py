"""Shapes of arguments are checked while our tests run; with ``--thorough``, in a sample of each.

Checks of every call took a quarter of the time of tests on tiny models, and a shape that is wrong
is seldom wrong in one case of a product alone. So all cases run, and some of every test, others
every day, run with checks of the first calls of each function (``checked``). Claims run without:
where all functions were checked, it took 5% of their time.
"""

from collections.abc import Iterator

import jaxtyping
import pytest

from ablation.tests.support.checked import calls
from ablation.tests.support.quick_run import is_ours, sample, today

_CHECKED = pytest.StashKey[set[pytest.Item]]()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    checked = sample(items, today(config), slow=True) if config.option.thorough else items
    config.stash[_CHECKED] = {item for item in checked if is_ours(item)}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    before = jaxtyping.config.jaxtyping_disable
    if item not in item.config.stash[_CHECKED]:
        jaxtyping.config.update("jaxtyping_disable", True)
    try:
        return (yield)
    finally:
        jaxtyping.config.update("jaxtyping_disable", before)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    calls.clear()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call() -> None:
    calls.clear()
