"""What CI shows of a run: its claims and what moved, as Markdown.

``--claims-summary FILE`` writes it. Where GitHub asks for one, by ``GITHUB_STEP_SUMMARY``, it is
appended there, too.
"""

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from ablation.errors import InvalidInput, ResultsError
from experiments.judging.baselines.changed import HEAD as DIFFERING_HEAD
from experiments.judging.report import ClaimResult
from experiments.judging.shown import HEAD, rows_of
from experiments.machine.files.json_files import check_file_writable, storing, write_text
from experiments.pages.readmes.markdown import bullets, minus, plain, table
from experiments.plugin.baseline_files.differing import DIFFERING_ROWS
from experiments.plugin.claims.finding_properties import FINDINGS

STEP_SUMMARY = "GITHUB_STEP_SUMMARY"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.getgroup("headclaims").addoption(
        "--claims-summary",
        type=Path,
        metavar="FILE",
        help="write the claims and what moved as Markdown",
    )


def pytest_configure(config: pytest.Config) -> None:
    path = config.getoption("claims_summary")
    if path is not None:
        try:
            check_file_writable(path, "--claims-summary")
        except InvalidInput as error:
            raise pytest.UsageError(str(error)) from None


@pytest.hookimpl(trylast=True)  # what moved is known then
def pytest_sessionfinish(session: pytest.Session) -> None:
    config = session.config
    if hasattr(config, "workerinput") or config.getoption("collectonly"):
        return
    found = config.pluginmanager.get_plugin(FINDINGS)
    rows = config.stash.get(DIFFERING_ROWS, [])
    path, step = config.getoption("claims_summary"), os.environ.get(STEP_SUMMARY)
    text = summary(found.results, found.problems, rows) + "\n"
    try:
        if path is not None:
            with storing(path, "--claims-summary"):
                write_text(path, text)
        if step and (found.results or found.problems or rows):
            with storing(Path(step), STEP_SUMMARY), Path(step).open("a", encoding="utf-8") as file:
                file.write(text)
    except ResultsError as error:
        found.problems.append(str(error))
        if session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED


def summary(
    results: Sequence[ClaimResult], problems: Sequence[str], differing: Sequence[list[str]]
) -> str:
    """A run as Markdown, which is to be read as plain text, too.

    Args:
        results: the claims.
        problems: lines about verdicts that moved and files that were not written.
        differing: baseline, figure, old, new, difference, as text.
    """
    counts: dict[str, int] = {}
    for result in results:
        counts[result.described] = counts.get(result.described, 0) + 1
    told = ", ".join(f"{number} {verdict}" for verdict, number in counts.items())
    blocks = [f"## Claims: {told or 'none was judged'}"]
    if problems:
        blocks += ["### What moved", bullets(map(plain, problems))]
    if differing:
        cells = [[f"`{row[0]}`", *map(_cell, row[1:])] for row in sorted(differing)]
        blocks += ["### Baselines that differ", table(DIFFERING_HEAD, cells)]
    if results:
        blocks.append(table(HEAD, [row for result in results for row in _rows(result)]))
        if any(result.claim.primary for result in results):
            blocks.append(r"\*: the study's primary claim")
    return "\n\n".join(blocks)


def _rows(result: ClaimResult) -> list[Sequence[str]]:
    claim = result.claim
    star = r"\*" if claim.primary else ""
    first, *parts = rows_of(result)
    return [
        (f"**{claim.id}**{star} {claim.statement}", *map(_cell, first[1:])),
        *((f"{claim.id} {plain(name)}", *map(_cell, cells)) for name, *cells in parts),
    ]


def _cell(text: str) -> str:
    return plain(minus(text))
