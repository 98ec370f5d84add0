"""Shapes of arguments are checked while tests run; with ``--thorough``, in a sample of each test.

The checks take a third of the time of tests on tiny models, and a shape that is wrong is seldom
wrong in one case of a product alone. So all cases run, and some of every test, others every day,
run with checks.
"""

from collections.abc import Iterator

import jaxtyping
import pytest

from ablation.tests.support.quick_run import sample, today

_CHECKED = pytest.StashKey[set[pytest.Item]]()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    checked = sample(items, today(config), slow=True) if config.option.thorough else items
    config.stash[_CHECKED] = set(checked)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    before = jaxtyping.config.jaxtyping_disable
    if item not in item.config.stash[_CHECKED]:
        jaxtyping.config.update("jaxtyping_disable", True)
    try:
        return (yield)
    finally:
        jaxtyping.config.update("jaxtyping_disable", before)
