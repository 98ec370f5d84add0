"""Stored regression figures: ``baselines/<experiment>/<case>.json``, one file per case.

The life of a file is pytest-regressions' own, and so are its flags:

- missing: the file is written and the test fails, so that nobody takes it for a check. In CI
  (environment variable ``CI``) it fails and writes nothing, not even a folder;
- different beyond the tolerances: the test fails and names both files;
- ``--force-regen``: different files are rewritten and their tests fail;
- ``--regen-all``: every file is rewritten and the tests pass. It says so itself, so it also holds
  in CI.

A test names its file by a marker, not by a call, so that the name is known when tests are
collected; there, in every xdist worker, all of them are seen and no two tests can claim one file::

    @pytest.mark.baseline("qrhead", "{question}-{tokens}")
    @pytest.mark.parametrize("tokens", [512, 2048])
    @pytest.mark.parametrize("question", ["inc_state", "inc_year"])
    def test_figures(question, tokens, json_baseline):
        json_baseline.check(figures, provenance=provenance, tolerances=TOLERANCES)

The case is a ``str.format`` string over the test's parameters; ``pytest.param(…, marks=…)`` can
give a single case its own. Names are refused, never repaired: repairing is how ids that differ only
in punctuation come to share a file.
"""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pytest_regressions.common import perform_regression_check

from ablation.errors import InvalidInput
from experiments.judging.baselines.comparison import Tolerance, require_json
from experiments.machine.files.json_files import json_text, write_json
from experiments.plugin.baseline_files.differing import DIFFERS, compare_files
from experiments.plugin.baseline_files.regeneration import (
    NOT_COMPARED,
    PENDING,
    TOLERATED,
    WRITTEN,
    relative_name,
)

FOLDER = "baselines"

# Lower case only: on some file systems "A.json" and "a.json" are one file.
_EXPERIMENT = re.compile(r"[a-z0-9][a-z0-9_.-]*")
_CASE = re.compile(rf"{_EXPERIMENT.pattern}(/{_EXPERIMENT.pattern})*")


@dataclass(frozen=True)
class BaselineName:
    """Which file holds the figures of one case.

    Both parts match ``[a-z0-9][a-z0-9_.-]*``; a case may lie in folders, with ``/`` between.
    """

    experiment: str
    case: str

    def __post_init__(self) -> None:
        for part, value, pattern in (
            ("experiment", self.experiment, _EXPERIMENT),
            ("case", self.case, _CASE),
        ):
            if not pattern.fullmatch(value):
                raise InvalidInput(
                    f"the {part} of a baseline must match {pattern.pattern} (lower case), "
                    f"got {value!r}"
                )

    def __str__(self) -> str:
        return f"{self.experiment}/{self.case}.json"


# What collection found out about an item: the name of its file, or why it has none.
_CLAIM = pytest.StashKey[BaselineName | InvalidInput]()


class JsonBaseline:
    """The baseline of one test; ``path`` is its file."""

    def __init__(self, path: Path, request: pytest.FixtureRequest, obtained_directory: Path):
        self.path = path
        self._request = request
        self._obtained_directory = obtained_directory
        self._checked = False

    def check(
        self,
        data: Mapping[str, object],
        *,
        provenance: Mapping[str, object],
        tolerances: Mapping[str, Tolerance] | None = None,
    ) -> None:
        """Compare ``data`` with the stored figures, or store it where the flags ask for it.

        Args:
            data: a JSON object without the key ``provenance``.
            provenance: a JSON object, stored beside the figures and never compared.
            tolerances: see ``experiments.judging.baselines.comparison``; a number without one must
                be equal.

        Raises:
            AssertionError: the figures differ, or the stored file cannot be read.
            InvalidInput: not storable as JSON (NaN, for one), or called twice in one test.
        """
        __tracebackhide__ = True
        if self._checked:
            raise InvalidInput(
                f"{self.path} was checked already in this test: put all its figures into one call"
            )
        self._checked = True
        if NOT_COMPARED in data:
            raise InvalidInput(f"the data must not hold the key {NOT_COMPARED!r}: pass it apart")
        document = {**data, NOT_COMPARED: provenance}
        require_json(document)

        config = self._request.config
        if _in_ci() and not self.path.is_file() and not config.getoption("regen_all"):
            pytest.fail(
                f"no baseline {self.path}; nothing was written because CI is set: run this test "
                "once without CI (or with --regen-all) and commit the file",
                pytrace=False,
            )

        name, properties = relative_name(self.path, config), self._request.node.user_properties

        def dump(path: Path) -> None:
            if path != self.path:
                write_json(path, document)
                return
            # What a regeneration writes is put into place when the run is over.
            pending = self._obtained_directory / f"{self.path.stem}.pending.json"
            pending.write_text(json_text(document), encoding="utf-8", newline="\n")
            properties[:] += [(WRITTEN, name), (PENDING, str(pending))]

        def compare(obtained: Path, expected: Path) -> None:
            __tracebackhide__ = True
            note = lambda rows: properties.append((DIFFERS, [[name, *row] for row in rows]))  # noqa: E731
            tolerated = compare_files(obtained, expected, tolerances or {}, note)
            if tolerated:
                properties.append((TOLERATED, f"{name}: {tolerated}"))

        perform_regression_check(
            datadir=self._request.getfixturevalue("lazy_datadir"),
            original_datadir=self._request.getfixturevalue("original_datadir"),
            request=self._request,
            check_fn=compare,
            dump_fn=dump,
            extension=".json",
            fullpath=self.path,
            obtained_filename=self._obtained_directory / f"{self.path.stem}.obtained.json",
        )


def _in_ci() -> bool:
    return os.environ.get("CI", "").strip().lower() not in ("", "0", "false")


@pytest.fixture(scope="session")
def baselines_root(pytestconfig: pytest.Config) -> Path:
    """The folder of all baselines; a conftest may override it."""
    return pytestconfig.rootpath / FOLDER


@pytest.fixture
def json_baseline(
    request: pytest.FixtureRequest, baselines_root: Path, tmp_path: Path
) -> JsonBaseline:
    """The stored figures of this test, in the file its marker ``baseline`` names."""
    claim = request.node.stash.get(_CLAIM, None)
    if claim is None:
        raise InvalidInput("json_baseline must be an argument of the test, not asked for later")
    if isinstance(claim, InvalidInput):
        # Collection has reported it, but xdist and --continue-on-collection-errors run tests on.
        pytest.fail(str(claim), pytrace=False)
    return JsonBaseline(baselines_root / str(claim), request, tmp_path)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        "baseline(experiment, case): the test's figures are in baselines/<experiment>/<case>.json; "
        'case is a format string over its parameters, such as "{question}-{tokens}"',
    )


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(
    session: pytest.Session, items: list[pytest.Item]
) -> Iterator[None]:
    # The items before -k deselects any of them, with the markers conftests have given them after.
    collected = list(items)
    yield
    claimants: dict[BaselineName, pytest.Item] = {}
    unused: Any = session.config.pluginmanager.get_plugin("headclaims-unused-baselines")
    for item in collected:
        try:
            name = _name_of(item)
            if name is None:
                continue
            first = claimants.setdefault(name, item)
            if first.nodeid != item.nodeid:
                first.stash[_CLAIM] = _shared(name, item)
                raise _shared(name, first)
            item.stash[_CLAIM] = name
        except InvalidInput as error:
            item.stash[_CLAIM] = error
            # A UsageError raised in an xdist worker ends as an internal error without its message;
            # an error report of the collection is shown once, whatever the number of workers.
            session.config.hook.pytest_collectreport(
                report=pytest.CollectReport(item.nodeid, "failed", f"{item.nodeid}: {error}", [])
            )
    if unused is not None:
        unused.note(session.config.rootpath / FOLDER, map(str, claimants))


def _shared(name: BaselineName, other: pytest.Item) -> InvalidInput:
    return InvalidInput(f"{other.nodeid} names the same baseline {name}: give each case its own")


def _name_of(item: pytest.Item) -> BaselineName | None:
    uses_fixture = "json_baseline" in getattr(item, "fixturenames", ())
    marker = item.get_closest_marker("baseline")
    if marker is None and not uses_fixture:
        return None
    if marker is None:
        raise InvalidInput("json_baseline without a file: give the test the marker baseline")
    if not uses_fixture:
        raise InvalidInput("marked baseline without requesting json_baseline: nothing is compared")
    if any(_expects_assertion_errors(mark) for mark in item.iter_markers("xfail")):
        raise InvalidInput(
            "an xfail would take a changed baseline for the failure it expects: put claim and "
            "figures into two tests, or give xfail a raises= that is no AssertionError"
        )
    if len(marker.args) != 2 or marker.kwargs or not all(isinstance(a, str) for a in marker.args):
        raise InvalidInput(
            f"the marker takes two strings, experiment and case, got {marker.args} {marker.kwargs}"
        )
    experiment, template = marker.args
    callspec = getattr(item, "callspec", None)
    parameters: dict[str, Any] = {} if callspec is None else callspec.params
    try:
        case = template.format(**parameters)
    except (LookupError, AttributeError, ValueError) as error:
        raise InvalidInput(
            f"the case {template!r} cannot be filled in from the parameters {sorted(parameters)}: "
            f"{error!r}"
        ) from None
    return BaselineName(experiment, case)


def _expects_assertion_errors(xfail: pytest.Mark) -> bool:
    raises = xfail.kwargs.get("raises") or BaseException
    return isinstance(raises, type | tuple) and issubclass(AssertionError, raises)
