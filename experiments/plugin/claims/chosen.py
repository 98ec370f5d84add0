"""Cases chosen by the claim they judge: ``--claim A1,B3``, and claim ids in ``-k``.

pytest matches a word of ``-k`` with any part of a test's name, so that A1 would choose A10, and
every test with "a1" somewhere. Here a word that is the id of a claim stands for the cases marked
with that claim, in lower case too, and every other word for what it does elsewhere.
"""

import re
from collections.abc import Iterable, Iterator

import pytest

from experiments.claims import CLAIMS
from experiments.plugin.claims.markers import CLAIM_MARKER

WORD = re.compile(r"[^\s()]+")

_LIKE_AN_ID = re.compile(r"[A-Z]\d+", re.IGNORECASE)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.getgroup("headclaims").addoption(
        "--claim",
        action="append",
        metavar="ID,…",
        help="only the cases of these claims, as in A1,B3; with -k, those that it chooses of them",
    )


def pytest_configure(config: pytest.Config) -> None:
    unknown = [name for name in _chosen(config) or () if name not in CLAIMS]
    if unknown:
        raise pytest.UsageError(
            f"--claim: unknown claim {', '.join(map(repr, unknown))}: give one or more of "
            f"{', '.join(CLAIMS)}, with commas between"
        )


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> Iterator[None]:
    chosen = _chosen(config)
    _require_cases(chosen or (), config, items)
    for item in items:
        claim = claim_of(item)
        if claim is not None:
            item.extra_keyword_matches.add(_keyword(claim))
    asked = config.option.keyword
    config.option.keyword = with_claims(asked)
    try:
        yield
    except pytest.UsageError as error:
        # pytest quotes the expression, and counts columns in it: this is not the user's own.
        text = str(error).replace(config.option.keyword.lstrip(), asked)
        raise pytest.UsageError(re.sub(r" at column \d+:", "", text)) from None
    finally:
        config.option.keyword = asked
    # Only now: who looks at all that was collected has done so.
    if chosen is not None:
        deselected = [item for item in items if claim_of(item) not in chosen]
        items[:] = [item for item in items if claim_of(item) in chosen]
        if deselected:
            config.hook.pytest_deselected(items=deselected)


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, exitstatus: int, config: pytest.Config
) -> None:
    words = WORD.findall(config.option.keyword)
    unknown = [w for w in words if _LIKE_AN_ID.fullmatch(w) and w.upper() not in CLAIMS]
    if unknown and exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED:
        terminalreporter.write_line(
            f"-k: no claim is called {', '.join(unknown)}: claims are {', '.join(CLAIMS)}", red=True
        )


def claim_of(item: pytest.Item) -> str | None:
    """The id of the claim that a case is marked with, known or not; None for other tests."""
    marker = item.get_closest_marker(CLAIM_MARKER)
    return str(marker.args[0]) if marker is not None and marker.args else None


def with_claims(expression: str) -> str:
    """The expression of ``-k`` with the ids in it replaced by what only their cases match."""
    ids = {name.lower(): name for name in CLAIMS}

    def replaced(word: re.Match[str]) -> str:
        claim = ids.get(word[0].lower())
        return word[0] if claim is None else _keyword(claim)

    return WORD.sub(replaced, expression)


def _keyword(claim: str) -> str:
    """Made of what pytest allows in a word; no name of a test holds two brackets in a row."""
    return f"[[{claim}]]"


def _chosen(config: pytest.Config) -> list[str] | None:
    """The ids of ``--claim``, in lower case too; None without the option."""
    given: list[str] | None = config.getoption("claim")
    return given and [name.strip().upper() for text in given for name in text.split(",")]


def _require_cases(chosen: Iterable[str], config: pytest.Config, items: list[pytest.Item]) -> None:
    """Ends the run where no case that was collected judges a claim of ``--claim``."""
    lacking = [name for name in chosen if name not in {*map(claim_of, items)}]
    if not lacking:
        return
    message = (
        f"--claim: no case of {', '.join(lacking)} was collected: give pytest the whole checkout "
        f"(headclaims claims {' '.join(lacking)} --run prints the command), or, for a new claim, "
        f'mark a case with @pytest.mark.claim("{lacking[0]}")'
    )
    if not hasattr(config, "workerinput"):
        raise pytest.UsageError(message)
    # Raised in an xdist worker it would end as an internal error without its message.
    report = pytest.CollectReport("--claim", "failed", message, [])
    config.hook.pytest_collectreport(report=report)
