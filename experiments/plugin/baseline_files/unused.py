"""Baselines that no case uses fail the run: a case that was renamed has lost its figures.

What a case would use is known when it is collected, so that cases which ``-k`` deselects or which
are skipped count as users. A run that collects only a part of the tests (paths, node ids, modules
that could not be imported) cannot tell, and says nothing.
"""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

IN_SCOPE = pytest.StashKey[Callable[[str], bool]]()
"""Which stored files a run is about, by their name below the folder of the baselines; without it,
all."""

_UNUSED = "unused_baselines"
_WHOLE = "headclaims_collects_everything"
_RESTRICTING = ("ignore", "ignore_glob", "lf", "pyargs", "deselect")
"""Options under which pytest may not collect every case."""


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(_UnusedBaselines(config), "headclaims-unused-baselines")


class _UnusedBaselines:
    """Compares the files with what the collected cases use, in every process that collects."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        worker: dict[str, Any] | None = getattr(config, "workerinput", None)
        self._whole = _collects_everything(config) if worker is None else worker.get(_WHOLE, False)
        self._unused: list[str] = []

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        node.workerinput[_WHOLE] = self._whole

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        self._whole = self._whole and report.passed

    def note(self, root: Path, used: Iterable[str]) -> None:
        """Takes down which files lie under ``root`` that none of ``used`` names."""
        scope = self._config.stash.get(IN_SCOPE, lambda name: True)
        if not self._whole or not root.is_dir():
            return
        files = {path.relative_to(root).as_posix() for path in root.rglob("*.json")}
        self._unused = sorted(filter(scope, files - {*used}))

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        output: dict[str, Any] | None = getattr(self._config, "workeroutput", None)
        if output is not None:
            output[_UNUSED] = json.dumps(self._unused)
        elif self._unused and session.exitstatus in (
            pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED
        ):  # fmt: skip
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object) -> None:
        # A worker that was killed says nothing.
        self._unused = json.loads(getattr(node, "workeroutput", {}).get(_UNUSED, "null")) or (
            self._unused
        )

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self._unused:
            terminalreporter.write_line(
                f"UNUSED BASELINES ({len(self._unused)}): {', '.join(self._unused)}: no case uses "
                "them; remove the files, or restore their cases",
                red=True,
            )


def _collects_everything(config: pytest.Config) -> bool:
    restricted = any(config.getoption(name, None) for name in _RESTRICTING)
    source = pytest.Config.ArgsSource
    return not restricted and (
        config.args_source is source.TESTPATHS
        or (
            config.args_source is source.INVOCATION_DIR
            and config.invocation_params.dir == config.rootpath
        )
    )
