"""Which engine runs a model, and what it may hold."""

import pytest

from ablation.engine import EngineChoice
from ablation.engine.engines import FastEngine, ReferenceEngine, engine_of
from ablation.errors import InvalidInput
from ablation.heads import Head
from ablation.modes.zero import ZeroAblation
from ablation.tests.support.tiny_models import random_ids


def test_the_choice_names_the_engine():
    assert engine_of(EngineChoice()) == FastEngine(1 << 30)
    assert engine_of(EngineChoice(activation_mib=3)) == FastEngine(3 << 20)
    assert isinstance(engine_of(EngineChoice("reference")), ReferenceEngine)


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        (("quick",), "unknown engine 'quick': choose one of fast, reference"),
        (("fast", -1), "at least 0 MiB, got -1"),
    ],
    ids=["name", "memory"],
)
def test_what_cannot_be_chosen_is_refused(choice, message):
    with pytest.raises(InvalidInput, match=message):
        EngineChoice(*choice)


def test_engines_measure_every_different_set_once_and_the_same(llama):
    ids, sets = random_ids(30)[0], [(), (Head(1, 2),), (Head(0, 1), Head(2, 0)), (Head(1, 2),)]
    by_engine = []
    for engine in (FastEngine(), FastEngine(0), ReferenceEngine()):
        measured = engine.perplexities(llama, ids, sets, ZeroAblation(), window=15)
        by_engine.append({it.members: it.measure().value for it in measured})
    assert by_engine[0].keys() == {(0,), (1, 3), (2,)}
    assert by_engine[0] == pytest.approx(by_engine[1])
    assert by_engine[0] == pytest.approx(by_engine[2])
