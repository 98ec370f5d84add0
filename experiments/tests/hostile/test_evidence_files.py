"""Whatever evidence a run writes can be read back, by the next run and by the command line."""

import json
import math
from typing import Any

import pytest

from ablation.errors import InvalidInput
from ablation.stats.interval import Interval
from experiments.claims import CLAIMS
from experiments.cli.commands.claims import _details, _entry
from experiments.judging.claim import Tier
from experiments.judging.report import Finding, figure_from, report_document, summarise
from experiments.judging.stored_evidence import lost_claims, moved_verdicts, read_evidence
from experiments.judging.verdict import Blocked, Evidence, Verdict, judge
from experiments.machine.files.json_files import write_json

hypothesis = pytest.importorskip("hypothesis", reason="needs hypothesis: pip install -e '.[test]'")
st = pytest.importorskip("hypothesis.strategies")

SETTINGS = hypothesis.settings(deadline=None, derandomize=True, max_examples=150)

FIGURES = st.floats(allow_nan=False)
TEXTS = st.text(st.characters(exclude_categories=()), max_size=8)
"""Lone surrogates too, which stand in a path for what is no UTF-8."""


@st.composite
def evidences(draw):
    ends = draw(st.none() | st.tuples(FIGURES, FIGURES).map(sorted))
    return Evidence(
        draw(FIGURES),
        None if ends is None else Interval(*ends),
        draw(st.integers(1, 10**18)),
        draw(TEXTS),
        p=draw(st.none() | st.floats(0, 1)),
        unablated=draw(st.none() | st.floats(0, 1)),
        noise=draw(st.floats(0)),
        note=draw(TEXTS),
    )


@st.composite
def findings(draw):
    claim = CLAIMS[draw(st.sampled_from(sorted(CLAIMS)))]
    part = draw(st.sampled_from(sorted(claim.criteria)))
    found = draw(evidences() | st.builds(Blocked, TEXTS, st.booleans()))
    return Finding(
        claim.id,
        part,
        draw(st.sampled_from(Tier)),
        draw(st.sampled_from(["smollm2", "my model"])),
        draw(st.just("") | TEXTS),
        found,
        judge(claim.criterion(part), found),
        draw(TEXTS),
    )


@pytest.mark.slow
@SETTINGS
@hypothesis.given(st.lists(findings(), max_size=8))
def test_all_evidence_that_is_written_is_read_back(tmp_path_factory, found):
    results = summarise(found, CLAIMS)
    path = tmp_path_factory.getbasetemp() / "evidence.json"
    write_json(path, report_document(results))
    read = read_evidence([path])

    assert [(row["id"], row["tier"], row["model"], row["verdict"]) for row in read] == [
        (result.claim.id, result.tier, result.model, result.verdict) for result in results
    ]
    for row, result in zip(read, results, strict=True):
        for part, finding in zip(row["parts"], result.parts, strict=True):
            _is_that_of(finding, part)
        assert [*_entry(result.claim, [row]), *_details(result.claim, [row])]
    assert moved_verdicts(results, read) == []
    assert lost_claims(results, read) == []


def _is_that_of(finding, part):
    assert (part["part"], part["verdict"]) == (finding.part, finding.verdict)
    if isinstance(finding.evidence, Blocked):
        assert part["blocked"] == finding.evidence.reason
        return
    for name in ("estimate", "n", "units", "p", "note"):
        assert part[name] == getattr(finding.evidence, name)
    assert (part["interval"] and Interval(*part["interval"])) == finding.evidence.interval


@pytest.mark.parametrize("value", [None, True, "", "1", "nan", math.nan, 10**400, [], "Infinity"])
def test_what_is_no_figure_is_none(value):
    with pytest.raises(ValueError, match=r"not a figure|not a number|larger than any float"):
        figure_from(value)


@pytest.mark.parametrize("name", ["p", "unablated", "noise"])
def test_evidence_holds_numbers(name):
    figures: dict[str, Any] = {name: math.nan}
    with pytest.raises(InvalidInput, match=f"{name} must be a number, got nan"):
        Evidence(0.1, None, 16, "companies", **figures)


def finding(verdict, part="5", of=""):
    return Finding("A1", part, "embedded", "smollm2", of, Blocked("none"), verdict)


def document_of(*found):
    return json.loads(json.dumps(report_document(summarise(found, CLAIMS))))["claims"]


def test_of_several_cases_that_judge_a_part_one_that_moves_is_told():
    held, failed = finding(Verdict.REPRODUCED), finding(Verdict.NOT_REPRODUCED)
    stored = document_of(held, held)
    assert moved_verdicts(summarise([held, held], CLAIMS), stored) == []
    assert moved_verdicts(summarise([failed, held], CLAIMS), stored) == [
        "A1 embedded smollm2 5: REPRODUCED, REPRODUCED → NOT_REPRODUCED, REPRODUCED"
    ]


def test_a_claim_is_lost_where_fewer_of_its_parts_are_judged_than_stored():
    five, ten, cell = (
        finding(Verdict.REPRODUCED, "5"),
        finding(Verdict.REPRODUCED, "10"),
        finding(Verdict.REPRODUCED, "5", "cell"),
    )
    lost = ["A1 embedded smollm2"]
    assert lost_claims(summarise([five], CLAIMS), document_of(five, ten)) == lost
    assert lost_claims(summarise([cell], CLAIMS), document_of(five)) == lost
    assert lost_claims([], document_of(cell)) == lost
    assert lost_claims(summarise([five, ten], CLAIMS), document_of(five)) == []
    assert lost_claims(summarise([cell], CLAIMS), document_of(cell)) == []
