"""The planted model is what its docstring says: known heads retrieve, and nothing else does."""

import pytest
import torch

from ablation.ablator import HeadAblator
from ablation.filings.filing import QUESTIONS
from ablation.filings.synthetic import synthetic_filings
from ablation.models.model import open_model
from ablation.models.planted import DECOY, QUESTION, RETRIEVING, planted_directory
from ablation.models.registry import model_spec
from ablation.prompts.haystacks import ten_k_boilerplate
from ablation.prompts.prompt import PromptBuilder
from ablation.prompts.styles import PRIMED_CHAT
from ablation.tests.detection.detection_prompts import eager_attention

FILINGS = synthetic_filings(12).filings


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    path = planted_directory(tmp_path_factory.mktemp("models") / "planted")
    return open_model(model_spec(str(path), PRIMED_CHAT.name)).loaded


@pytest.fixture(scope="module")
def prompts(planted):
    build = PromptBuilder(
        planted.tokenizer, QUESTIONS[QUESTION], 300, ten_k_boilerplate(), PRIMED_CHAT
    )
    return [build.build(filing) for filing in FILINGS]


def answers(planted, prompts, heads):
    found = []
    for prompt in prompts:
        with HeadAblator(planted.model, heads), torch.no_grad():
            logits = planted.model(torch.tensor([prompt.ids])).logits
        found.append(planted.tokenizer.decode([int(logits[0, -1].argmax())]).strip())
    return found


def truths():
    return [filing.facts[QUESTION].value for filing in FILINGS]


def test_it_answers_right_and_needs_its_retrieving_heads(planted, prompts):
    assert answers(planted, prompts, []) == truths()
    assert answers(planted, prompts, RETRIEVING) == ["Nowhere"] * len(FILINGS)
    assert answers(planted, prompts, RETRIEVING[1:]) == ["Nowhere"] * len(FILINGS)
    assert answers(planted, prompts, RETRIEVING[:1]) == truths()


def test_it_needs_no_other_head(planted, prompts):
    others = [head for head in planted.grid if head not in RETRIEVING]
    assert answers(planted, prompts, others) == truths()


def test_the_decoy_looks_where_the_others_do(planted, prompts):
    attention = eager_attention(planted.model, prompts[0].ids)
    start, end = prompts[0].fact
    for head in (*RETRIEVING, DECOY):
        assert attention[head.layer, head.head, -1, start:end].sum() > 0.99
    elsewhere = attention[0, :, -1, start:end].sum(-1)
    assert elsewhere.max() < 0.9


def test_the_answer_ends_after_the_state(planted, prompts):
    ids = torch.tensor([[*prompts[0].ids, *prompts[0].answer]])
    with torch.no_grad():
        last = int(planted.model(ids).logits[0, -1].argmax())
    assert last == planted.tokenizer.eos_token_id


@pytest.mark.parametrize("seed", [1, 2])
def test_the_seed_changes_only_the_heads_that_do_nothing(tmp_path, seed, prompts):
    path = planted_directory(tmp_path / "planted", seed=seed)
    other = open_model(model_spec(str(path), PRIMED_CHAT.name)).loaded
    assert answers(other, prompts, []) == truths()
    assert answers(other, prompts, RETRIEVING) == ["Nowhere"] * len(FILINGS)
