"""The fast engine against the reference on a real model: perplexities, answers, rankings."""

import pytest
import torch

from ablation.assets.text import read_text, tokenise
from ablation.detection.methods import rank_heads
from ablation.engine import ENGINE_NAMES, EngineChoice
from ablation.engine.batches import answers_in_batches
from ablation.filings.filing import question_by_key
from ablation.filings.synthetic import synthetic_filings
from ablation.heads import Head
from ablation.models.loading import load_model
from ablation.models.registry import model_spec
from ablation.modes.zero import ZeroAblation
from ablation.prompts.haystacks import haystack_text
from ablation.prompts.prompt import PromptBuilder

pytestmark = pytest.mark.model

NUMERICAL = 1e-5  # relative; fp32, other kernels
SETS = [
    (),
    (Head(0, 0),),
    (Head(12, 3),),
    (Head(29, 8),),
    (Head(17, 0), Head(23, 0), Head(22, 4), Head(15, 6), Head(8, 0)),
    (Head(17, 0), Head(23, 0)),
    tuple(Head(layer, layer % 9) for layer in range(30)),
]


@pytest.fixture(scope="module")
def engines():
    return {
        name: load_model(model_spec("smollm2"), engine=EngineChoice(name)) for name in ENGINE_NAMES
    }


@pytest.fixture(scope="module")
def prompts(engines):
    style = engines["fast"].spec.style
    builder = PromptBuilder(
        engines["fast"].tokenizer,
        question_by_key("inc_year"),
        256,
        haystack_text(style.haystack),
        style,
    )
    return [builder.build(filing) for filing in synthetic_filings(8).filings[:3]]


def test_perplexities_are_equal(engines):
    text = tokenise(read_text("embedded"), engines["fast"].tokenizer, 256)
    by_engine = {}
    for name, loaded in engines.items():
        values: dict = {}
        for measurement in loaded.engine.perplexities(
            loaded.model, text.ids, SETS, ZeroAblation(), window=128
        ):
            values |= dict.fromkeys(measurement.members, measurement.measure().value)
        by_engine[name] = [values[place] for place in range(len(SETS))]
    assert by_engine["fast"] == pytest.approx(by_engine["reference"], rel=NUMERICAL)
    assert len(set(by_engine["reference"])) == len(SETS)


def test_answers_are_equal_token_for_token(engines, prompts):
    by_engine = {}
    for name, loaded in engines.items():
        answers: dict = {}
        for items, places, given in answers_in_batches(
            loaded.engine,
            loaded.model,
            loaded.tokenizer,
            [prompt.ids for prompt in prompts],
            SETS,
            ZeroAblation(),
        ):
            for place in places:
                answers |= {
                    (place, item): answer for item, answer in zip(items, given, strict=True)
                }
        by_engine[name] = answers
    assert len(by_engine["reference"]) == len(SETS) * len(prompts)
    assert by_engine["fast"].keys() == by_engine["reference"].keys()
    for at, answer in by_engine["reference"].items():
        assert by_engine["fast"][at].text == answer.text
        sure = by_engine["fast"][at].log_probability
        assert sure == pytest.approx(answer.log_probability, abs=1e-4)
    texts = {answer.text for answer in by_engine["reference"].values()}
    assert len(texts) > len(prompts)


def test_rankings_are_equal_head_for_head(engines, prompts):
    fast, reference = (
        rank_heads(engines[name].model, engines[name].tokenizer, prompts).ranking
        for name in ("fast", "reference")
    )
    assert [head for head, _ in fast.entries] == [head for head, _ in reference.entries]
    scores = [torch.tensor([score for _, score in it.entries]) for it in (fast, reference)]
    torch.testing.assert_close(*scores, rtol=1e-4, atol=1e-6)
