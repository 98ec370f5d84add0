"""Which cases of the tests a run takes: of long products a sample, and in a quick run little else.

Tiny models times modes, scopes and methods make thousands of cases, whole runs in processes of
their own take minutes. So ``pytest -m "not model"`` takes some cases of every test, others every
day, and leaves out those marked ``slow``. With ``--thorough``, as in CI, all tests run, and of
products of three or more parameters cases in which every two values meet, others every day: what
goes wrong where two values meet shows at once, what takes three of them on some day. All cases run
with ``--every-case``, and where somebody chooses them: by ``-k``, a file or a name, or those that
failed last.
"""

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

MOST = 2
"""Cases of one test function in a quick run."""

SLOW = "slow"
_NAME = "sample_seed"
_SEED = pytest.StashKey[str | None]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("headclaims tests", "headclaims: its own tests")
    group.addoption(
        "--thorough",
        action="store_true",
        help="run every test; without, a run that chooses none by -k, file or name samples the "
        "long products and leaves out the slow ones",
    )
    group.addoption(
        "--every-case",
        action="store_true",
        help="run every test in all its cases, where --thorough takes of products of three or more "
        "parameters those in which every two values meet",
    )
    group.addoption(
        "--sample-seed", metavar="TEXT", help="which sample is taken (default: today's date)"
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", f"{SLOW}: left out of a quick run; --thorough runs it")
    worker: dict[str, Any] | None = getattr(config, "workerinput", None)
    # Workers must find the same cases, at midnight, too; and they are always given files.
    config.stash[_SEED] = _chosen_seed(config) if worker is None else worker[_NAME]


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    node.workerinput[_NAME] = node.config.stash[_SEED]


def pytest_report_header(config: pytest.Config) -> str | None:
    seed = config.stash[_SEED]
    if seed is None:
        return None
    if config.option.thorough:
        return (
            "of products of three or more parameters: cases in which every two values meet "
            f"(--sample-seed {seed}); --every-case runs all"
        )
    return (
        f"quick run: at most {MOST} cases of each of our tests (--sample-seed {seed}), none that "
        "is slow; --thorough runs all"
    )


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    seed = config.stash[_SEED]
    if seed is None:
        return
    take = covering if config.option.thorough else sample
    kept = set(map(id, take(items, seed)))
    left_out = [item for item in items if id(item) not in kept]
    if left_out:
        items[:] = [item for item in items if id(item) in kept]
        config.hook.pytest_deselected(items=left_out)


def sample(items: Sequence[pytest.Item], seed: str, *, slow: bool = False) -> list[pytest.Item]:
    """The cases of a quick run: claims all of them, of our own tests at most ``MOST`` each.

    Args:
        items: all cases.
        seed: which sample.
        slow: whether it has tests that are slow, too.
    """
    kept: list[pytest.Item] = []
    of_test: defaultdict[str, list[pytest.Item]] = defaultdict(list)
    for item in items:
        if not is_ours(item):
            kept.append(item)
        elif slow or item.get_closest_marker(SLOW) is None:
            of_test[item.nodeid.partition("[")[0]].append(item)
    for cases in of_test.values():
        # A hash and no generator: what other tests there are changes nothing.
        kept += sorted(cases, key=lambda case: _digest(seed, case.nodeid))[:MOST]
    return kept


def covering(items: Sequence[pytest.Item], seed: str) -> list[pytest.Item]:
    """All cases, but of products of three or more parameters those in which every two values meet.

    Args:
        items: all cases.
        seed: which of them.
    """
    met: defaultdict[str, set[Any]] = defaultdict(set)
    kept = []
    for item in sorted(items, key=lambda item: _digest(seed, item.nodeid)):
        given = getattr(item, "callspec", None)
        values = sorted(
            (name, repr(value)) for name, value in (given.params if given else {}).items()
        )
        pairs = set(combinations(values, 2))
        of_test = met[item.nodeid.partition("[")[0]]
        if len(values) < 3 or pairs - of_test or not is_ours(item):
            kept.append(item)
        of_test |= pairs
    return kept


def is_ours(item: pytest.Item) -> bool:
    """Whether it is a test of ours, and no claim."""
    return "tests" in Path(item.nodeid.partition("::")[0]).parts


def _chosen_seed(config: pytest.Config) -> str | None:
    """Which sample is taken; None: all cases run."""
    return None if config.option.every_case or is_chosen(config) else today(config)


def is_chosen(config: pytest.Config) -> bool:
    """Whether somebody has chosen cases; ``-m`` chooses kinds of them."""
    option = config.option
    if option.keyword or config.args_source is pytest.Config.ArgsSource.ARGS:
        return True
    # Options of a plugin that may be left out.
    return any(getattr(option, name, False) for name in ("lf", "failedfirst"))


def today(config: pytest.Config) -> str:
    """The seed that is given, or else today's date."""
    return config.option.sample_seed or datetime.now(UTC).date().isoformat()


def _digest(seed: str, name: str) -> bytes:
    return hashlib.sha256(f"{seed} {name}".encode()).digest()
