"""What the self-test has no time for: A1 on a GPT-2, and B5 and B8 by broken ablators."""

import uuid

import pytest

from ablation.heads import Head
from ablation.models.planted.weights import GPT2
from ablation.models.planted.words import HEADS
from experiments.exp10 import instrument as exp10
from experiments.qrhead import instrument
from experiments.store import Run, Store


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store", Run(uuid.uuid4().hex, "a test"))


@pytest.mark.slow
def test_the_retrieving_heads_of_a_gpt2_are_found_and_judged(tmp_path, store, monkeypatch):
    monkeypatch.setattr(instrument, "RANDOM_RANKINGS", 1)
    monkeypatch.setattr(instrument, "BROKEN", {"never": instrument._never_fires})
    found = list(instrument.checks(tmp_path, store, GPT2))
    assert len(found) == 6
    assert [check for check in found if not check.right] == []


def wrong(tmp_path, store, taken):
    found = exp10.checks(tmp_path, store, taken)
    return [f"{check.asked}: {check.found}" for check in found if not check.right]


@pytest.mark.slow
def test_an_ablator_that_never_fires_reproduces_neither_claim(tmp_path, store):
    assert wrong(tmp_path, store, lambda heads: ()) == [
        "B5 of two heads of which either suffices: NOT_REPRODUCED",
        "B8 of a head that writes a constant, L0H2: NOT_REPRODUCED, of L0H0",
    ]


@pytest.mark.slow
def test_an_ablator_that_takes_the_next_head_blames_another(tmp_path, store):
    def next_heads(heads):
        return [Head(head.layer, (head.head + 1) % HEADS) for head in heads]

    assert wrong(tmp_path, store, next_heads) == [
        "B8 of a head that writes a constant, L0H2: REPRODUCED, of L0H1",
    ]
