"""A run that asks for claims collects their cases only: importing all tests takes far longer.

``-k qrhead`` is about the cases of that study, and no case of another is called after it; ``-k "B3
or B4"`` and ``--claim`` are about cases of claims. Unit tests that have such a word in their names
are left out. Whoever names paths gets what lies there.
"""

import itertools
from collections.abc import Collection
from pathlib import Path

import pytest
from _pytest.mark.expression import Expression

from experiments.claims import CLAIMS
from experiments.plugin.claims.chosen import WORD

EXPERIMENTS = Path(__file__).parents[2]

MOST_WORDS = 10
"""Of an expression; beyond, everything is collected."""


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    root = EXPERIMENTS.parent
    # In another project, with a study of its own, its paths are what it says.
    whole = config.args_source is pytest.Config.ArgsSource.TESTPATHS
    if config.rootpath != root or not (
        whole or [*map(Path.resolve, map(Path, config.args))] == [root]
    ):
        return
    names = [folder.name for folder in study_folders()]
    asked, keyword = names, config.option.keyword
    if not config.getoption("claim"):  # of which every study may have cases
        if may_match(keyword, names):
            return
        # Without any, pytest says that it found no test.
        asked = [name for name in names if may_match(keyword, names, name)] or names
    config.args[:] = [str(EXPERIMENTS / name) for name in asked]
    # As if the paths had been given: who wants to see all tests knows that these are not all.
    config.args_source = pytest.Config.ArgsSource.ARGS


def study_folders() -> list[Path]:
    """The folders with cases of claims."""
    return sorted({path.parent for path in EXPERIMENTS.glob("*/test_*.py")})


def may_match(expression: str, studies: Collection[str], study: str | None = None) -> bool:
    """Whether ``-k expression`` can match a case of ``study``, or, without one, a unit test.

    Args:
        expression: of ``-k``, with ids of claims; "" matches everything.
        studies: the names of all studies.
        study: one of them.
    """
    words = {*WORD.findall(expression)} - {"and", "or", "not"}
    never = {name.lower() for name in studies}
    if study is None:
        never |= {claim.lower() for claim in CLAIMS}
    free = sorted(word for word in words if word.lower() not in never)
    if not words or len(free) > MOST_WORDS:
        return True
    try:
        compiled = Expression.compile(expression)
    except SyntaxError:
        return True  # pytest says what is wrong with it
    for values in itertools.product((False, True), repeat=len(free)):
        of_a_test = dict(zip(free, values, strict=True))
        if compiled.evaluate(lambda word, **_: of_a_test.get(word, word.lower() == study)):  # noqa: B023
            return True
    return False
