"""The table at the end of a run: every claim once, with its verdict and evidence.

Findings travel in the properties of test reports, so the table is the same with and without
xdist, and JUnit files hold them too.
"""

import shlex
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from _pytest.junitxml import xml_key  # what record_testsuite_property uses, too

from ablation.errors import InvalidInput
from ablation.models.registry import EMBEDDED_MODEL, MODELS
from experiments.claims import CLAIMS
from experiments.judging.claim import Tier
from experiments.judging.report import (
    ClaimResult,
    Finding,
    report_document,
    summarise,
)
from experiments.judging.shown import table
from experiments.judging.stored_evidence import (
    evidence_folder,
    lost_claims,
    moved_verdicts,
    read_evidence,
    stored_files,
)
from experiments.judging.verdict import Verdict
from experiments.machine.environment import judged_with
from experiments.machine.files.json_files import check_file_writable, write_json
from experiments.plugin.baseline_files.regeneration import MOVED_VERDICTS
from experiments.plugin.claims.finding_properties import FINDINGS, STORED_EVIDENCE, finding_from
from experiments.plugin.options import changed_options

LEGENDS = {
    Tier.PUBLISHED: "the source's own figures; where they give no interval, it is their rounding",
    Tier.EMBEDDED: f"{MODELS[EMBEDDED_MODEL].name}, not the model of the studies",
}
STARRED = "*: the study's primary claim"
ACCEPT = "if the change is right, say --accept-verdict-change, and review the diff"
UPDATE = (
    "if that is right, write the file below baselines/claims again with --claims-json and "
    "--accept-verdict-change, and review the diff"
)


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("headclaims")
    group.addoption(
        "--claims-json", type=Path, metavar="FILE", help="write the claims with their evidence"
    )
    group.addoption(
        "--strict-claims",
        action="store_true",
        help="every verdict but REPRODUCED is a failure, also where it is a known finding",
    )


def pytest_configure(config: pytest.Config) -> None:
    path = config.getoption("claims_json")
    try:
        if path is not None:
            check_file_writable(path, "--claims-json")
        stored = read_evidence(stored_files(config.rootpath))
    except InvalidInput as error:
        raise pytest.UsageError(str(error)) from None
    config.stash[STORED_EVIDENCE] = stored
    config.pluginmanager.register(_Findings(config, stored), FINDINGS)


class _Findings:
    """Gathers the findings of a run: from its own cases, or from those of all workers.

    Attributes:
        results: the claims, when the run is over.
        problems: lines about verdicts that moved, and files that were not written.
    """

    def __init__(self, config: pytest.Config, stored: list[dict[str, Any]]) -> None:
        self._config = config
        self._stored = stored
        self._found: dict[str, Finding] = {}
        self.results: list[ClaimResult] = []
        self.problems: list[str] = []

    def judged_claims(self) -> list[str]:
        """Ids of the claims that a case of this run has judged."""
        found = {finding.claim for finding in self._found.values()}
        return [claim for claim in CLAIMS if claim in found]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        # The teardown's report holds what was recorded in any phase.
        if report.when == "teardown":
            finding = finding_from(report.user_properties)
            if finding is not None:
                self._found[report.nodeid] = finding

    @pytest.hookimpl(tryfirst=True)  # before the JUnit file is written
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if hasattr(self._config, "workerinput") or self._config.getoption("collectonly"):
            return
        self.results = summarise(self._found.values(), CLAIMS)
        xml = self._config.stash.get(xml_key, None)
        for result in self.results if xml is not None else ():
            name = f"claim {result.claim.id} {result.tier} {result.model}"
            xml.add_global_property(name, result.described)  # type: ignore[union-attr]
        self.problems = [*self._missed(), *self._moved_or_written()]
        if self.problems and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def _missed(self) -> list[str]:
        """What --strict-claims finds beyond single cases: parts not judged, Holm's correction."""
        if not self._config.getoption("strict_claims"):
            return []
        return [
            f"--strict-claims: {result.claim.id} {result.tier} {result.model}: {result.described}"
            for result in self.results
            if result.verdict is not Verdict.REPRODUCED or result.missing
        ]

    def _moved_or_written(self) -> list[str]:
        """Writes the claims, or compares their verdicts with the stored ones."""
        path, options = self._config.getoption("claims_json"), changed_options(self._config)
        folder = evidence_folder(self._config.rootpath)
        if path is not None and path.resolve().parent == folder.resolve():
            before = read_evidence([path] if path.exists() else [])
            others = {shlex.join(claim["options"]) for claim in before} - {shlex.join(options)}
            if others:
                return [
                    f"NOT WRITTEN: {path} holds what a run with {others.pop() or 'no options'} has "
                    f"found, and this one has {shlex.join(options) or 'none'}: give another file"
                ]
            lost = lost_claims(self.results, before)
            if lost:
                return [
                    f"NOT WRITTEN: {path} holds {', '.join(lost)}, which this run has not judged "
                    "in full: run all its cases"
                ]
            lines = self._moved_from(before)
            if lines and not self._config.getoption("accept_verdict_change", False):
                return [*lines, f"NOT WRITTEN: {path}: {ACCEPT}"]
            moved = []
        else:
            moved = self._moved()
        if path is not None and self.results:
            command = shlex.join(["pytest", *sys.argv[1:]])
            made = {"options": list(options), "provenance": judged_with(command)}
            write_json(path, report_document(self.results) | made)
        return moved

    def _moved(self) -> list[str]:
        known = self._config.getoption("model") in MODELS
        options = changed_options(self._config)
        comparable = [
            claim
            for claim in self._stored
            if claim["tier"] == Tier.PUBLISHED or (known and claim["options"] == options)
        ]
        lines = self._moved_from(comparable)
        return [*lines, UPDATE] if lines else []

    def _moved_from(self, stored: list[dict[str, Any]]) -> list[str]:
        moved = moved_verdicts(self.results, stored)
        self._config.stash[MOVED_VERDICTS] = moved
        return [f"VERDICT MOVED: {line}" for line in moved]

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> Generator[None]:
        # Last of all, below pytest's list of skipped and failing cases.
        yield
        results, problems = self.results, self.problems
        if not results and not problems:
            return
        terminalreporter.write_sep("=", "claims")
        for line in table(results):
            terminalreporter.write_line(line)
        if any(result.claim.primary for result in results):
            terminalreporter.write_line(STARRED)
        for tier, legend in LEGENDS.items():
            if any(result.tier == tier for result in results):
                terminalreporter.write_line(f"tier {tier}: {legend}")
        for line in problems:
            terminalreporter.write_line(line, red=True)
