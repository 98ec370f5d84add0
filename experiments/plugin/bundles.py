"""Bundles under pytest: claims judged from one, one made of a run, a sample of one computed anew.

``--bundle FILE`` gives what it holds and computes the rest. ``--export-bundle FILE`` writes all
results that the cases of the run asked for: what its claims rest on, refuted ones among them.
``--audit`` computes a sample of the bundle anew, on the way of the cases that need it, and nothing
else.
"""

import json
import math
import os
import shlex
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ablation.errors import HeadclaimsError, InvalidInput
from experiments.machine.environment import judged_with
from experiments.machine.files.json_files import check_writable
from experiments.plugin.claims.finding_properties import FINDINGS, is_broken
from experiments.plugin.options import computing_options
from experiments.store.bundle import Bundle, Judged, read_bundle
from experiments.store.packing import write_bundle

if TYPE_CHECKING:
    from experiments.store.audit.comparison import Audit

STORE = pytest.StashKey["Store"]()
"""The store that the cases of this process used, if any did."""

_BUNDLE = pytest.StashKey[Bundle]()
_WITHHELD = pytest.StashKey[frozenset[str]]()
_FOLDER = pytest.StashKey[str]()

# What workers are told, and tell.
_FOLDER_OF = "headclaims_audit_folder"
_USED = "headclaims_used"


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("headclaims")
    group.addoption(
        "--bundle", type=Path, metavar="FILE", help="judge from this bundle; compute what it lacks"
    )
    group.addoption(
        "--export-bundle",
        type=Path,
        metavar="FILE",
        help="write all stored results that the cases of this run ask for",
    )
    group.addoption(
        "--audit",
        metavar="N|P%",
        help="compute so many units of --bundle anew, or such a share, and compare",
    )
    group.addoption(
        "--audit-seed",
        default=os.environ.get("HEADCLAIMS_AUDIT_SEED", "0"),
        metavar="S",
        help="what they are drawn with (default: HEADCLAIMS_AUDIT_SEED, or 0)",
    )


def pytest_configure(config: pytest.Config) -> None:
    try:
        _check(config)
    except HeadclaimsError as error:
        raise pytest.UsageError(str(error)) from None
    if config.getoption("audit"):
        worker: dict[str, Any] | None = getattr(config, "workerinput", None)
        folder = tempfile.mkdtemp(prefix="headclaims-") if worker is None else worker[_FOLDER_OF]
        config.stash[_FOLDER] = folder
    if config.getoption("export_bundle") or config.getoption("audit"):
        config.pluginmanager.register(_Bundles(config), "headclaims-bundles")


def pytest_unconfigure(config: pytest.Config) -> None:
    folder = audit_folder(config)
    if folder is not None and not hasattr(config, "workerinput"):
        shutil.rmtree(folder, ignore_errors=True)


def _check(config: pytest.Config) -> None:
    path, audit, target = (config.getoption(name) for name in ("bundle", "audit", "export_bundle"))
    if path is not None:
        if config.getoption("fresh"):
            raise InvalidInput("--fresh computes all anew and --bundle nothing it holds: give one")
        config.stash[_BUNDLE] = read_bundle(path)
    if audit is not None:
        if path is None or target is not None:
            raise InvalidInput("--audit goes with --bundle FILE and without --export-bundle")
        bundle = config.stash[_BUNDLE]
        count = sample_size(audit, len(bundle))
        config.stash[_WITHHELD] = bundle.sample(count, config.getoption("audit_seed"))
    if target is not None:
        check_writable(target.absolute().parent, "--export-bundle")


def sample_size(text: str, total: int) -> int:
    """How many units ``--audit`` asks for: a number, or a share of ``total`` such as ``3%``.

    Raises:
        InvalidInput: it is neither.
    """
    percent = text.endswith("%")
    try:
        number = float(text[:-1]) if percent else int(text)
    except ValueError:
        number = math.nan
    if not 0 < number <= (100 if percent else math.inf):
        raise InvalidInput(
            f"a number of units or a share such as 3% is required as sample, got {text!r}"
        )
    return min(total, math.ceil(total * number / 100) if percent else int(number))


def chosen_layers(config: pytest.Config) -> dict[str, Any]:
    """What lies beneath the store of this run, as arguments of ``open_store``."""
    withheld = config.stash.get(_WITHHELD, None)
    return {
        "bundle": config.stash.get(_BUNDLE, None),
        "withheld": withheld or frozenset(),
        "closed": withheld is not None,
    }


def audit_folder(config: pytest.Config) -> str | None:
    """Where an audit computes: a folder of its own, whatever ``--store`` says."""
    return config.stash.get(_FOLDER, None)


class _Bundles:
    """Gathers what the cases of all processes used; writes the bundle, or compares, at the end."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._used: dict[str, set[str]] = {}
        self._audit: Audit | None = None
        self._lines: list[str] = []
        self._failed = self._broken = False

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._broken |= is_broken(report)

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        node.workerinput[_FOLDER_OF] = audit_folder(self._config)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object) -> None:
        # A worker that was killed says nothing; the run has failed then.
        for root, digests in json.loads(getattr(node, "workeroutput", {}).get(_USED, "[]")):
            self._used.setdefault(root, set()).update(digests)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        store = self._config.stash.get(STORE, None)
        if store is not None:
            self._used.setdefault(str(store.root), set()).update(store.used)
        output: dict[str, Any] | None = getattr(self._config, "workeroutput", None)
        if output is not None:
            output[_USED] = json.dumps([[root, sorted(of)] for root, of in self._used.items()])
            return
        if self._config.getoption("collectonly"):
            return
        try:
            if self._config.getoption("audit"):
                self._compare()
            else:
                self._export(session)
        except HeadclaimsError as error:
            self._failed = True
            self._lines.append(str(error))
        if self._failed and session.exitstatus in (
            pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED
        ):  # fmt: skip
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def _compare(self) -> None:
        from experiments.store.audit.comparison import compare

        folder = audit_folder(self._config)
        assert folder is not None
        found = compare(self._config.stash[_BUNDLE], self._config.stash[_WITHHELD], Path(folder))
        self._lines, self._failed = found.lines(), not found.passed

    def _export(self, session: pytest.Session) -> None:
        from experiments.store import Run, Store

        path = self._config.getoption("export_bundle")
        self._failed = True
        refuted = session.exitstatus == pytest.ExitCode.TESTS_FAILED and not self._broken
        if session.exitstatus != pytest.ExitCode.OK and not refuted:
            self._lines = [f"NOT WRITTEN: {path}: the run has failed"]
            return
        if not self._used:
            self._lines = [f"NOT WRITTEN: {path}: no case of this run asked for a stored result"]
            return
        command = shlex.join(["pytest", *sys.argv[1:]])
        bundle = self._config.stash.get(_BUNDLE, None)
        documents = {
            digest: Store(Path(root), Run("", command), bundle=bundle).document(digest)
            for root, digests in self._used.items()
            for digest in digests
        }
        findings = self._config.pluginmanager.get_plugin(FINDINGS)
        claims = findings.judged_claims() if findings is not None else ()
        judged = Judged(tuple(claims), computing_options(self._config))
        size = write_bundle(path, documents.values(), judged, judged_with(command))
        self._failed = False
        self._lines = [
            f"{len(documents)} results behind {', '.join(claims)}: {path}, {size:,} bytes"
        ]

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self._lines:
            title = "audit" if self._config.getoption("audit") else "bundle"
            terminalreporter.write_sep("=", title)
            for line in self._lines:
                terminalreporter.write_line(line, red=self._failed)
