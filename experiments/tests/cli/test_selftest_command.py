"""``headclaims selftest``: a dozen lines, and an exit status that tells when one is wrong."""

import pytest

from experiments.exp10 import instrument as exp10
from experiments.qrhead import instrument


@pytest.mark.slow
def test_the_instrument_says_yes_only_when_it_should(headclaims, monkeypatch):
    monkeypatch.setattr(instrument, "RANDOM_RANKINGS", 2)  # twenty take their time
    status, out, err = headclaims("selftest")
    assert (status, err) == (0, "")
    lines = out.splitlines()
    assert len(lines) == 12
    assert all(line.startswith("ok     ") for line in lines)
    assert out.count("NOT_REPRODUCED") == 6


@pytest.mark.slow
def test_an_instrument_that_says_yes_to_anything_is_found_out(headclaims, monkeypatch):
    monkeypatch.setattr(instrument, "RANDOM_RANKINGS", 1)
    monkeypatch.setattr(instrument, "judged", lambda *_: instrument.Verdict.REPRODUCED)
    for claim in ("b5", "b8"):
        monkeypatch.setattr(exp10.Judged, claim, lambda _: instrument.Verdict.REPRODUCED)
    status, out, _ = headclaims("selftest")
    assert status == 1
    assert [line for line in out.splitlines() if line.startswith("WRONG")] == [
        "WRONG  A1 with the decoy first: REPRODUCED",
        "WRONG  A1 of 1 random rankings: 1 REPRODUCED",
        *(
            f"WRONG  A1 of the retrieving heads, with an ablator {name}: REPRODUCED"
            for name in instrument.BROKEN
        ),
        "WRONG  B5 of heads that each have a word: REPRODUCED",
        "WRONG  B8 where no head does: REPRODUCED",
    ]


@pytest.mark.slow
def test_an_ablator_that_does_not_work_turns_the_verdict_around(headclaims, monkeypatch):
    monkeypatch.setattr(instrument, "RANDOM_RANKINGS", 1)
    monkeypatch.setattr(instrument.judged, "__defaults__", (instrument._never_fires,))
    monkeypatch.setattr(exp10, "checks", lambda *_: ())
    status, out, _ = headclaims("selftest")
    assert status == 1
    assert "WRONG  A1 of the retrieving heads: NOT_REPRODUCED" in out
