"""QRHead: query-focused retrieval heads (Zhang et al., EMNLP 2025, arXiv 2506.09944, section 3)."""

import copy
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from ablation.detection.mean_attention import mean_attention
from ablation.errors import ComputationError
from ablation.prompts import Prompt


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
    calibrated = calibrated_attention(model, prompt.context, prompt.question, prompt.null_question)
    return without_outliers(calibrated[..., slice(*prompt.needle)]).sum(dim=-1).cpu()


@torch.inference_mode()
def calibrated_attention(
    model: Any, context: tuple[int, ...], query: tuple[int, ...], null_query: tuple[int, ...]
) -> Float[Tensor, "layers heads context"]:
    """Attention to each token of ``context``, averaged over the query, beyond that of a null query.

    Raises:
        ComputationError: the model's attention is NaN.
    """
    ids = torch.tensor([context], device=model.device)
    cache = model.base_model(input_ids=ids, use_cache=True).past_key_values
    asked, null = (
        mean_attention(model, rows, copy.deepcopy(cache), len(context) + len(rows))
        for rows in (query, null_query)
    )
    calibrated = asked[..., : len(context)] - null[..., : len(context)]
    if torch.isnan(calibrated).any():
        # A comparison with NaN is false, so NaN would pass as a score of 0.
        raise ComputationError("the model's attention is NaN: try --dtype float32")
    return calibrated


def without_outliers(calibrated: Float[Tensor, "*shape tokens"]) -> Float[Tensor, "*shape tokens"]:
    """0 where a token is at or below mean − 2·std of all of them."""
    mean = calibrated.mean(dim=-1, keepdim=True)
    std = calibrated.std(dim=-1, keepdim=True, correction=1 if calibrated.shape[-1] > 1 else 0)
    return calibrated.where(calibrated > mean - 2 * std, 0)
