"""Judging under pytest: what a case measured becomes a finding in its report.

A case says which claim it judges by a marker, and hands what it measured to the fixture
``judged``::

    @pytest.mark.claim("A1", "{level}")            # a claim, and which of its criteria
    @pytest.mark.parametrize("level", [5, 10])
    def test_top_heads_hurt_more(level, judged):
        assert judged(evidence).holds

A claim that is refuted fails its case, or is a known finding (``known_findings``). One that the
evidence leaves open neither passes nor fails: it is counted on its own.
"""

from collections.abc import Callable, Generator

import pytest

from ablation.errors import InvalidInput, Unavailable, first_line
from experiments.claims import CLAIMS
from experiments.judging.report import Finding
from experiments.judging.shown import shown
from experiments.judging.verdict import Blocked, Evidence, Verdict, judge
from experiments.plugin.claims.finding_properties import (
    finding_from,
    mark_refuted,
    properties_of,
    without_finding,
)
from experiments.plugin.claims.markers import CLAIM_MARKER, Place, place_of


class NotHeld(AssertionError):
    """What a case measured refutes the claim: all that a known finding may excuse.

    An error of its own, so that no assertion of the library under test passes for it.
    """


SMALLER = pytest.StashKey[bool]()
"""Of a case whose known finding is that the effect is smaller than published."""

REFUTED = (Verdict.NOT_REPRODUCED, Verdict.INCONSISTENT)
OPEN = (Verdict.INCONCLUSIVE, Verdict.SIZE_OPEN)


class Judgement:
    """What one case is to assert: that the claim ``holds``."""

    def __init__(self, finding: Finding, smaller: bool) -> None:
        assert isinstance(finding.evidence, Evidence)
        criterion = CLAIMS[finding.claim].criterion(finding.part)
        self.verdict, self._smaller = finding.verdict, smaller
        self._text = (
            f"{f'{finding.claim} {finding.part}'.rstrip()}: {criterion.metric}: "
            f"{shown(criterion, finding.evidence)}, "
            f"required {criterion.requirement_in_full}"
        )

    @property
    def holds(self) -> bool:
        """True where the verdict is REPRODUCED, or leaves open whether it holds.

        Also where the effect is known to be smaller than published, and is.

        Raises:
            NotHeld: the claim is refuted, or the effect is smaller than published.
            AssertionError: it is known to be smaller, and that was not found.
        """
        __tracebackhide__ = True
        text = f"{self._text}: {self.verdict}"
        if self.verdict in REFUTED:
            raise NotHeld(text)
        if self._smaller != (self.verdict is Verdict.DIRECTION_ONLY):
            if self._smaller:
                raise AssertionError(
                    f"{text}: KNOWN_TO_BE_SMALLER, or stored evidence, says otherwise: correct it"
                )
            raise NotHeld(text)
        return True


@pytest.fixture
def judged(request: pytest.FixtureRequest) -> Callable[[Evidence | Blocked], Judgement]:
    """Call it once with what was measured; with ``Blocked`` it skips the case."""
    item, place = request.node, place_of(request.node)
    # A case that is run again is judged again.
    item.user_properties[:] = without_finding(item.user_properties)

    def judge_and_record(evidence: Evidence | Blocked) -> Judgement:
        if finding_from(item.user_properties) is not None:
            raise InvalidInput(f"{item.nodeid} was judged already: give each criterion a case")
        finding = _record(item, place, evidence)
        if isinstance(evidence, Blocked):
            pytest.skip(evidence.reason)
        return Judgement(finding, item.stash.get(SMALLER, False))

    return judge_and_record


def _record(item: pytest.Item, place: Place, evidence: Evidence | Blocked) -> Finding:
    verdict = judge(CLAIMS[place.claim].criterion(place.part), evidence)
    finding = Finding(
        place.claim,
        place.part,
        place.tier,
        place.model,
        place.of,
        evidence,
        verdict,
        item.nodeid,
    )
    item.user_properties += properties_of(finding)
    return finding


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    if item.get_closest_marker(CLAIM_MARKER) is None:
        return (yield)
    finding = finding_from(item.user_properties)
    if finding is None and call.excinfo is not None and call.when != "teardown":
        finding = _nothing_measured(item, call.excinfo.value)
    report = yield
    if call.when == "call" and report.passed and finding is None:
        report.outcome = "failed"
        report.longrepr = "the case judges a claim but gave no evidence: call judged(…)"
    if report.skipped and hasattr(report, "wasxfail") and call.excinfo is not None:
        _excuse_only_a_verdict(report, call.excinfo.value)
    if finding is not None and item.config.getoption("strict_claims"):
        _be_strict(report, finding)
    if call.excinfo is not None and isinstance(call.excinfo.value, NotHeld):
        mark_refuted(report)
    return report


def pytest_report_teststatus(report: pytest.TestReport) -> tuple[str, str, str] | None:
    """Counts the cases that the evidence leaves open under a word of their own."""
    if report.when != "call" or not report.passed:
        return None
    finding = finding_from(report.user_properties)
    if finding is None or finding.verdict not in OPEN:
        return None
    return str(finding.verdict).lower(), "?", str(finding.verdict)


def _nothing_measured(item: pytest.Item, error: BaseException) -> Finding | None:
    try:
        place = place_of(item)
    except ValueError:  # the marker itself is what is wrong
        return None
    text = first_line(error)
    # A one-line failure of a case on a model hides the error behind it.
    missing = any(isinstance(e, Unavailable) for e in (error, error.__context__))
    if not missing and not isinstance(error, pytest.skip.Exception):
        text = f"the case failed before it gave evidence: {text}"
    return _record(item, place, Blocked(text, missing))


def _excuse_only_a_verdict(report: pytest.TestReport, error: BaseException) -> None:
    """An xfail, whatever it says, is of what was measured: a crash is none."""
    if not isinstance(error, NotHeld):
        report.outcome = "failed"
        del report.wasxfail


def _be_strict(report: pytest.TestReport, finding: Finding) -> None:
    if report.when == "teardown" or finding.verdict is Verdict.REPRODUCED:
        return
    # A setup that went well is followed by the call, which is judged.
    if report.when == "setup" and report.passed:
        return
    if not report.failed:
        report.outcome = "failed"
        name = f"{finding.claim} {finding.part}".rstrip()
        report.longrepr = f"--strict-claims: {name} is {finding.verdict}"
    if hasattr(report, "wasxfail"):
        del report.wasxfail
