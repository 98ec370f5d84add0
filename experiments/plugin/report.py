"""``--report FILE``: one HTML file about a run, with its verdicts and the evidence behind them."""

import json
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ablation.errors import HeadclaimsError, InvalidInput
from experiments.judging.report import report_document
from experiments.machine.environment import judged_with
from experiments.machine.files.json_files import check_file_writable, json_text
from experiments.plugin.baseline_files.differing import DIFFERING_ROWS
from experiments.plugin.bundles import audit_folder, chosen_layers
from experiments.plugin.claims.finding_properties import FINDINGS
from experiments.plugin.model import folder_of_run
from experiments.plugin.options import (
    chosen_cells,
    chosen_engine,
    chosen_exp10,
    chosen_filings,
    chosen_spec,
)
from experiments.plugin.progress import told_results

if TYPE_CHECKING:
    from collections.abc import Sequence

    from experiments.judging.report import ClaimResult
    from experiments.pages.report.gathered import Evidence

SWEEPS = "exp10"
"""The study whose evidence is a text; that of the others is cells."""

_LINES = pytest.StashKey[list[str]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.getgroup("headclaims").addoption(
        "--report",
        type=Path,
        metavar="FILE",
        help="write one HTML file to look into the claims of this run and what is behind them "
        "(write --report=FILE where FILE lies outside the checkout)",
    )


def pytest_configure(config: pytest.Config) -> None:
    path = config.getoption("report")
    if path is not None:
        try:
            check_file_writable(path, "--report")
        except InvalidInput as error:
            raise pytest.UsageError(str(error)) from None


@pytest.hookimpl(trylast=True)  # the verdicts are known then
def pytest_sessionfinish(session: pytest.Session) -> None:
    config = session.config
    path = config.getoption("report")
    if path is None or hasattr(config, "workerinput") or config.getoption("collectonly"):
        return
    lines = config.stash[_LINES] = []
    results = config.pluginmanager.get_plugin(FINDINGS).results
    if not results:
        lines.append(f"NOT WRITTEN: {path}: no claim was judged")
        return
    try:
        lines += _written(config, path, results, int(session.exitstatus))
    except HeadclaimsError as error:
        lines.append(f"NOT WRITTEN: {path}: {error}")
        if session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    lines = config.stash.get(_LINES, [])
    if lines:
        terminalreporter.write_sep("=", "report")
        for line in lines:
            terminalreporter.write_line(line)


def _written(
    config: pytest.Config, path: Path, results: "Sequence[ClaimResult]", status: int
) -> list[str]:
    """Writes the page; the lines to show of it."""
    from experiments.pages.report.claims import run_of
    from experiments.pages.report.gathered import Evidence
    from experiments.pages.report.page import write_page
    from experiments.pages.report.report import Differing, report_page

    command = shlex.join(["pytest", *sys.argv[1:]])
    document: dict[str, Any] = report_document(results) | {"provenance": judged_with(command)}
    # As whoever reads the file of --claims-json has it.
    run = run_of(json.loads(json_text(document)), Path("this run"))
    spec = chosen_spec(config)
    studies = {one.claim.study for one in results if one.model == spec.key}
    evidence, of = Evidence(), ["the studies' own figures"]
    if studies:
        try:
            evidence, of = _evidence(config, studies)
        except HeadclaimsError as error:  # as every case on the model has said
            evidence.lacking.append(str(error))
    of += [told_results(config), f"the run ended with status {status}"]
    rows = config.stash.get(DIFFERING_ROWS, [])
    differing = Differing("the baselines hold", rows) if rows else None
    write_page(path, report_page([run], spec.key, evidence, command, of, differing), "--report")
    size = f"{path}: {path.stat().st_size / 1e6:.1f} MB"
    return [size, *(f"not in it: {line}" for line in evidence.lacking)]


def _evidence(config: pytest.Config, studies: set[str]) -> "tuple[Evidence, list[str]]":
    """What these studies rest on, out of the store that the run used."""
    from ablation.models.model import open_model
    from experiments.pages.evidence import Source
    from experiments.pages.report.gathered import gathered
    from experiments.store.opening import open_store

    chosen = audit_folder(config) or config.getoption("store")
    store = open_store(chosen, lambda: folder_of_run(config) / "store", "")
    bundle = chosen_layers(config)["bundle"]
    dtype, engine = config.getoption("dtype"), chosen_engine(config)
    texts = [chosen_exp10(config, mode) for mode in ("zero", "mean")] if SWEEPS in studies else []
    source = Source(
        open_model(chosen_spec(config), "cpu", dtype, engine),
        chosen_cells(config) if studies - {SWEEPS} else [],
        chosen_filings(config),
        config.getoption("control_draws"),
        texts,
        store.root,
        bundle,
    )
    of = [f"store {store.root}", *([] if bundle is None else [f"bundle {bundle.path}"])]
    return gathered(source), of
