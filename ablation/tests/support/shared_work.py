"""How the workers of ``-n`` share whole runs of our own tests.

Cases of a file in ``experiments/tests`` share what is long in the making, and go to one worker;
clusters are started one at a time, and go to one, too. Long files come first, then claims, which
may compute for minutes; at the end single cases are left: no worker waits for another.
"""

from pathlib import PurePath
from typing import Any

import pytest

from ablation.tests.support.quick_run import is_chosen

FIRST = ("cluster", "whole_runs", "experiments")
"""Folders by how long their tests take."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: _rank(item.nodeid))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    if is_chosen(config) or config.option.dist != "load":  # which is what -n sets
        return None
    from xdist.scheduler import LoadScopeScheduling

    class ByUnit(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return unit_of(nodeid)

    config.option.loadscopereorder = False  # as they are sorted here
    return ByUnit(config, log)


def unit_of(nodeid: str) -> str:
    """What a case is given to a worker with."""
    file, folders = _place(nodeid)
    if "cluster" in folders:
        return "clusters"
    return file if {"experiments", "tests"} <= set(folders) else nodeid


def _rank(nodeid: str) -> int:
    _, folders = _place(nodeid)
    if "tests" not in folders:
        return len(FIRST)
    return next((rank for rank, name in enumerate(FIRST) if name in folders), len(FIRST) + 1)


def _place(nodeid: str) -> tuple[str, tuple[str, ...]]:
    file = nodeid.partition("::")[0]
    return file, PurePath(file).parts[:-1]
