"""``headclaims claims``: the registry and its evidence."""

import json

import pytest

from ablation.errors import InvalidInput
from experiments.claims import CLAIMS
from experiments.cli.main import main
from experiments.judging.report import SCHEMA
from experiments.judging.stored_evidence import read_evidence

PART = {
    "part": "5",
    "metric": "accuracy lost",
    "unit": "points",
    "published": "5.5",
    "estimate": 0.2,
    "interval": [0.1, 0.3],
    "n": 16,
    "units": "companies",
    "p": 0.001,
    "note": "one draw",
    "verdict": "REPRODUCED",
}
CLAIM = {
    "id": "A1",
    "tier": "embedded",
    "model": "smollm2",
    "verdict": "INCONCLUSIVE",
    "missing": [],
    "corrected_with": [],
    "parts": [PART, {"part": "10", "verdict": "BLOCKED", "blocked": "no weights"}],
}


@pytest.fixture
def evidence(tmp_path):
    path = tmp_path / "claims.json"
    path.write_text(json.dumps({"schema": SCHEMA, "claims": [CLAIM]}), encoding="utf-8")
    return path


def run(capsys, *words):
    with pytest.raises(SystemExit) as stopped:
        main(["claims", *map(str, words)])
    captured = capsys.readouterr()
    return stopped.value.code, captured.out, captured.err


def test_all_claims_are_listed_with_their_verdicts(capsys, evidence):
    status, out, _ = run(capsys, "--evidence", evidence)
    assert status == 0
    for claim in CLAIMS.values():
        assert claim.statement in out
    assert "A1* asked these four questions" in out
    assert "embedded, smollm2: INCONCLUSIVE" in out


@pytest.mark.parametrize("name", ["A1", "a1"])
def test_one_claim_is_shown_with_its_criteria_and_evidence(name, capsys, evidence):
    status, out, _ = run(capsys, name, "--evidence", evidence)
    assert status == 0
    assert "the study's primary claim" in out
    assert "zero, prefill and decode, value bias none in Llama" in out
    assert "≥ 23.6 points, counts from 11.8" in out
    measured = "5: 20.0 [10.0, 30.0] points (16 companies, p = 0.001), published 5.5: REPRODUCED"
    assert measured in out
    assert "10: BLOCKED: no weights" in out
    assert "B1" not in out


def test_evidence_of_a_larger_run_names_its_options(capsys, tmp_path):
    path = tmp_path / "claims.json"
    larger = {"schema": SCHEMA, "options": ["--control-draws=20"], "claims": [CLAIM]}
    path.write_text(json.dumps(larger), encoding="utf-8")
    for words in ((), ("A1",)):
        _, out, _ = run(capsys, *words, "--evidence", path)
        assert "embedded, smollm2 --control-draws=20: INCONCLUSIVE\n" in out


def test_details_alone_are_shown_as_such(capsys, tmp_path):
    path = tmp_path / "claims.json"
    details = {**CLAIM, "verdict": None, "parts": [], "missing": ["5"]}
    path.write_text(json.dumps({"schema": SCHEMA, "claims": [details]}), encoding="utf-8")
    for words in ((), ("A1",)):
        _, out, _ = run(capsys, *words, "--evidence", path)
        assert "embedded, smollm2: details only\n" in out


def test_a_claim_without_evidence_says_so(capsys, evidence):
    _, out, _ = run(capsys, "B7", "--evidence", evidence)
    assert "evidence   none stored" in out


def test_an_unknown_claim_is_one_line(capsys):
    status, out, err = run(capsys, "Z1")
    assert (status, out) == (2, "")
    assert err.startswith("Error: unknown claim Z1: it must be one of A1, A2")
    assert err.count("\n") == 1


def test_evidence_of_another_schema_is_refused(tmp_path):
    path = tmp_path / "old.json"
    path.write_text('{"schema": 0, "claims": []}', encoding="utf-8")
    with pytest.raises(InvalidInput, match="old.json: claims of schema 1 are required"):
        read_evidence([path])


def test_the_stored_evidence_of_the_checkout_is_of_claims_that_exist():
    from experiments.judging.stored_evidence import stored_files

    stored = read_evidence(stored_files())
    assert {claim["tier"] for claim in stored} == {"published", "embedded"}
    for claim in stored:
        assert {part["part"] for part in claim["parts"]} == set(CLAIMS[claim["id"]].criteria)
