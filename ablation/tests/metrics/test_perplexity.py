"""Perplexity against the plain way: all logits of a window at once."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from transformers import (
    AutoModelForCausalLM,
    CohereConfig,
    GPT2Config,
    GPT2LMHeadModel,
    GraniteConfig,
    LlamaConfig,
    LlamaForCausalLM,
)

from ablation.errors import ComputationError, InvalidInput
from ablation.metrics.measured_perplexity import perplexity, token_nll, windows
from ablation.metrics.perplexity import Bos, Perplexity

NUMERICAL = 1e-6  # relative; the same sums in another order
SIZES = {
    "vocab_size": 101,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
}


def _tiny_llama() -> nn.Module:
    torch.manual_seed(0)
    return LlamaForCausalLM(LlamaConfig(**SIZES)).eval()


def _tiny_gpt2() -> nn.Module:
    torch.manual_seed(0)
    config = GPT2Config(vocab_size=101, n_embd=32, n_layer=2, n_head=4, n_positions=64)
    return GPT2LMHeadModel(config).eval()


@pytest.fixture(params=[_tiny_llama, _tiny_gpt2], ids=["llama", "gpt2"])
def model(request: pytest.FixtureRequest) -> nn.Module:
    return request.param()


@pytest.fixture
def ids() -> Tensor:
    return torch.randint(101, (50,), generator=torch.Generator().manual_seed(1))


def _plain_nll_sum(model: nn.Module, window_ids: Tensor, given: int = 1) -> float:
    with torch.no_grad():
        logits = model(window_ids[None]).logits[0, given - 1 : -1].double()
    return nn.functional.cross_entropy(logits, window_ids[given:], reduction="sum").item()


def test_one_window_equals_the_cross_entropy_of_all_logits(model: nn.Module, ids: Tensor) -> None:
    found = perplexity(model, ids, window=64)
    expected = _plain_nll_sum(model, ids)
    assert found.count == 49
    assert found.nll_sum == pytest.approx(expected, rel=NUMERICAL)
    assert found.value == pytest.approx(math.exp(expected / 49), rel=NUMERICAL)


def test_each_window_stands_alone_and_the_last_may_be_short(model: nn.Module, ids: Tensor) -> None:
    found = perplexity(model, ids, window=16)
    expected = [_plain_nll_sum(model, part) for part in ids.split(16)]
    assert found.window_counts == (15, 15, 15, 1)
    assert found.window_nll_sums == pytest.approx(expected, rel=NUMERICAL)
    assert found.nll == pytest.approx(sum(expected) / 46, rel=NUMERICAL)


def test_a_single_left_over_token_predicts_nothing(model: nn.Module, ids: Tensor) -> None:
    assert perplexity(model, ids[:33], window=16) == perplexity(model, ids[:32], window=16)


@pytest.mark.parametrize("each", [True, False])
@pytest.mark.parametrize("bos", [(7,), (7, 9)], ids=["one", "two"])
def test_windows_may_begin_with_a_bos(
    model: nn.Module, ids: Tensor, bos: tuple[int, ...], each: bool
) -> None:
    """Of one token, or of two as GLM-4's; what is given is not predicted."""
    begin = torch.tensor(bos)
    if each:
        parts = [torch.cat((begin, part)) for part in ids.split(16 - len(bos))]
        given = [len(bos)] * len(parts)
    else:
        parts = list(torch.cat((begin, ids)).split(16))
        given = [len(bos), *[1] * (len(parts) - 1)]
    found = perplexity(model, ids, window=16, bos=Bos(bos, each))
    counts = tuple(part.numel() - of for part, of in zip(parts, given, strict=True))
    assert found.window_counts == counts
    assert found.count == (50 if each else 50 - (len(parts) - 1))
    nll = [_plain_nll_sum(model, part, of) for part, of in zip(parts, given, strict=True)]
    assert found.window_nll_sums == pytest.approx(nll, rel=NUMERICAL)


@pytest.mark.parametrize("each", [True, False])
@pytest.mark.parametrize("bos", [(7,), (7, 9)], ids=["one", "two"])
def test_what_a_bos_leaves_over_of_a_text_does_not_count(
    model: nn.Module, ids: Tensor, bos: tuple[int, ...], each: bool
) -> None:
    begins = torch.cat((torch.tensor(bos), ids[: 16 - len(bos)]))
    found = perplexity(model, ids[:16], window=16, bos=Bos(bos, each))
    assert found.window_counts == (16 - len(bos),)
    nll = _plain_nll_sum(model, begins, len(bos))
    assert found.window_nll_sums == pytest.approx([nll], rel=NUMERICAL)


def test_a_bos_of_no_tokens_is_refused() -> None:
    with pytest.raises(InvalidInput, match="a BOS requires at least one token"):
        Bos((), each=True)


@pytest.mark.parametrize(("each", "needed"), [(True, 5), (False, 3)])
def test_a_window_without_room_for_bos_and_text_is_refused(
    ids: Tensor, each: bool, needed: int
) -> None:
    bos = Bos((7, 9), each)
    with pytest.raises(InvalidInput, match=f"at least {needed} tokens, got {needed - 1}"):
        windows(ids, needed - 1, bos)
    first, *_ = windows(ids, needed, bos)
    assert (first.ids[:2].tolist(), first.predicted) == ([7, 9], needed - 2)


@pytest.mark.parametrize("chunk", [1, 7, 49, 1000])
def test_the_chunk_size_does_not_matter(model: nn.Module, ids: Tensor, chunk: int) -> None:
    expected = perplexity(model, ids, window=64).nll_sum
    assert perplexity(model, ids, window=64, chunk=chunk).nll_sum == pytest.approx(
        expected, rel=NUMERICAL
    )


def test_the_logits_of_more_than_a_chunk_are_never_formed(model: nn.Module, ids: Tensor) -> None:
    seen = []
    head = model.get_output_embeddings()
    handle = head.register_forward_hook(lambda *arguments: seen.append(arguments[-1].shape))
    perplexity(model, ids, window=32, chunk=20)
    handle.remove()
    assert seen == [(1, 20, 101), (1, 11, 101), (1, 17, 101)]


def test_half_precision_logits_are_summed_in_float32() -> None:
    hidden = torch.randn(5, 32, generator=torch.Generator().manual_seed(2)).to(torch.bfloat16)
    nll = token_nll(_tiny_llama().to(torch.bfloat16), hidden, torch.arange(5))
    assert nll.dtype == torch.float32


def test_a_perplexity_too_large_for_a_float_is_infinite() -> None:
    assert Perplexity(((1e6,),), ((1,),)).value == math.inf


def test_a_window_needs_a_token_to_predict(ids: Tensor) -> None:
    with pytest.raises(InvalidInput, match="at least 2 tokens to predict one, got 1"):
        windows(ids, 1)
    with pytest.raises(InvalidInput, match="at least 2 tokens of text, got 1"):
        windows(ids[:1], 16)


def test_a_chunk_needs_a_position(model: nn.Module, ids: Tensor) -> None:
    with pytest.raises(InvalidInput, match="at least 1 position, got 0"):
        perplexity(model, ids, window=16, chunk=0)


def test_a_window_beyond_the_context_is_refused(model: nn.Module, ids: Tensor) -> None:
    with pytest.raises(InvalidInput, match="65 tokens exceeds the model's context of 64"):
        perplexity(model, ids, window=65)


def test_a_model_in_training_mode_is_refused(model: nn.Module, ids: Tensor) -> None:
    with pytest.raises(InvalidInput, match=r"call model\.eval\(\) first"):
        perplexity(model.train(), ids, window=16)


@pytest.mark.parametrize(
    ("config", "scale"),
    [(GraniteConfig, {"logits_scaling": 4.0}), (CohereConfig, {"logit_scale": 0.3})],
    ids=["granite", "cohere"],
)
def test_logits_are_those_that_the_model_makes(config: Any, scale: dict, ids: Tensor) -> None:
    torch.manual_seed(0)
    special = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
    model = AutoModelForCausalLM.from_config(config(**SIZES, **special, **scale))
    found = perplexity(model.eval(), ids, window=64, chunk=20)
    assert found.nll_sum == pytest.approx(_plain_nll_sum(model, ids), rel=NUMERICAL)


def test_nan_logits_are_an_error(model: nn.Module, ids: Tensor) -> None:
    with torch.no_grad():
        model.get_output_embeddings().weight[3] = torch.nan
    with pytest.raises(ComputationError, match=r"NLL of window 0 \(15 predicted tokens\) is nan"):
        perplexity(model, ids, window=16)
