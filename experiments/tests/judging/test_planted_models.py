"""What the self-test has no time for: A1 on a GPT-2, and B5 and B8 by broken ablators."""

import uuid

import pytest

from ablation.heads import Head
from ablation.models.planted.weights import GPT2
from ablation.models.planted.words import CONSTANT, HEADS, REDUNDANT
from experiments.exp10.instrument import planted
from experiments.judging.verdict import Verdict
from experiments.qrhead import instrument
from experiments.store import Run, Store


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store", Run(uuid.uuid4().hex, "a test"))


def test_the_retrieving_heads_of_a_gpt2_are_found_and_judged(tmp_path, store, monkeypatch):
    monkeypatch.setattr(instrument, "RANDOM_RANKINGS", 1)
    monkeypatch.setattr(instrument, "BROKEN", {"never": instrument._never_fires})
    found = list(instrument.checks(tmp_path, store, GPT2))
    assert len(found) == 6
    assert [check for check in found if not check.right] == []


def test_an_ablator_that_never_fires_reproduces_neither_claim(tmp_path, store):
    broken = planted(tmp_path / "words", REDUNDANT, store, lambda heads: ())
    assert broken.b5() is not Verdict.REPRODUCED
    assert broken.b8() is not Verdict.REPRODUCED


def test_an_ablator_that_takes_the_next_head_blames_another(tmp_path, store):
    def next_heads(heads):
        return [Head(head.layer, (head.head + 1) % HEADS) for head in heads]

    broken = planted(tmp_path / "words", REDUNDANT, store, next_heads)
    assert broken.largest == Head(CONSTANT.layer, CONSTANT.head - 1)
