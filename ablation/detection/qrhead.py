"""QRHead: query-focused retrieval heads (Zhang et al., EMNLP 2025, arXiv 2506.09944, section 3)."""

import copy
from collections.abc import Iterable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from ablation.detection.mean_attention import record_mean_attention
from ablation.detection.ranking import HeadRanking
from ablation.errors import ComputationError, InvalidInput
from ablation.prompts import Prompt
from ablation.sites import head_sites


def rank_heads(model: Any, prompts: Iterable[Prompt]) -> HeadRanking:
    """Ranks all heads by their QRHead score, averaged over ``prompts``.

    Raises:
        InvalidInput: there are no prompts.
        ComputationError: the model's attention is NaN.
    """
    total, samples = None, 0
    for prompt in prompts:
        scores = query_focused_scores(model, prompt).double()
        total = scores if total is None else total + scores
        samples += 1
    if total is None:
        raise InvalidInput("detection requires at least one filing, got none")
    return HeadRanking.from_scores(total / samples)


@torch.inference_mode()
def query_focused_scores(model: Any, prompt: Prompt) -> Float[Tensor, "layers heads"]:
    """The QRHead score of every head on one prompt.

    With a(t) the softmax attention to needle token t, averaged over the question's tokens, and
    a₀(t) the same for the question ``N/A``, the score is Σ c(t) over the needle's tokens with
    c(t) > mean(c) − 2·std(c), where c = a − a₀.

    The context runs once; both questions read its key-value cache, so only the question's rows of
    the attention matrix are ever formed and memory is linear in the prompt's length.

    Relative to the paper: the question's rows are the tokens of ``\\n\\nQuestion: …\\nAnswer in
    one word:`` in every prompt style. What follows them in a chat prompt is the same in both
    passes and holds words of the answer, so it is left out.
    """
    device = model.device
    context = torch.tensor([prompt.context], device=device)
    cache = model.base_model(input_ids=context, use_cache=True).past_key_values
    asked, null = (
        _needle_attention(model, question, copy.deepcopy(cache), prompt)
        for question in (prompt.question, prompt.null_question)
    )
    calibrated = asked - null
    if torch.isnan(calibrated).any():
        # A comparison with NaN is false, so NaN would pass as a score of 0.
        raise ComputationError("the model's attention is NaN: try --dtype float32")
    mean = calibrated.mean(dim=-1, keepdim=True)
    std = calibrated.std(dim=-1, keepdim=True, correction=1 if calibrated.shape[-1] > 1 else 0)
    return calibrated.where(calibrated > mean - 2 * std, 0).sum(dim=-1).cpu()


def _needle_attention(
    model: Any, question: tuple[int, ...], cache: Any, prompt: Prompt
) -> Float[Tensor, "layers heads needle"]:
    """Attention to the needle's tokens, averaged over the question's tokens."""
    ids = torch.tensor([question], device=model.device)
    with record_mean_attention(model) as attention:
        model.base_model(input_ids=ids, past_key_values=cache, use_cache=True)
    layers = len(head_sites(model).layers)
    if sorted(attention) != list(range(layers)):
        raise RuntimeError(f"attention was recorded in layers {sorted(attention)} of {layers}")
    length = len(prompt.context) + len(question)
    start, end = prompt.needle
    needle = []
    for layer in range(layers):
        weights = attention[layer][0]
        # Keys that fell out of a sliding window have no weight.
        weights = torch.nn.functional.pad(weights, (length - weights.shape[-1], 0))
        needle.append(weights[:, start:end])
    return torch.stack(needle)
