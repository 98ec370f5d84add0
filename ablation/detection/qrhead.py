"""QRHead: query-focused retrieval heads (Zhang et al., EMNLP 2025, arXiv 2506.09944, section 3)."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from ablation.detection.context import Context
from ablation.detection.mean_attention import mean_attention
from ablation.errors import ComputationError
from ablation.prompts.prompt import Prompt


@torch.inference_mode()
def query_focused_scores(
    model: Any, prompt: Prompt, context: Context | None = None
) -> Float[Tensor, "layers heads"]:
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
    context = context or Context(model, prompt.context)
    calibrated = calibrated_attention(model, context, prompt.question, prompt.null_question)
    return without_outliers(calibrated[..., slice(*prompt.needle)]).sum(dim=-1).cpu()


@torch.inference_mode()
def calibrated_attention(
    model: Any, context: Context, query: tuple[int, ...], null_query: tuple[int, ...]
) -> Float[Tensor, "layers heads context"]:
    """Attention to each token of ``context``, averaged over the query, beyond that of a null query.

    Raises:
        ComputationError: the model's attention is NaN.
    """
    length = len(context.ids)
    asked, null = (
        mean_attention(model, rows, context.cache(), length + len(rows))
        for rows in (query, null_query)
    )
    calibrated = asked[..., :length] - null[..., :length]
    if torch.isnan(calibrated).any():
        # A comparison with NaN is false, so NaN would pass as a score of 0.
        raise ComputationError("the model's attention is NaN: try --dtype float32")
    return calibrated


def without_outliers(calibrated: Float[Tensor, "*shape tokens"]) -> Float[Tensor, "*shape tokens"]:
    """0 where a token is at or below mean − 2·std of all of them."""
    mean = calibrated.mean(dim=-1, keepdim=True)
    std = calibrated.std(dim=-1, keepdim=True, correction=1 if calibrated.shape[-1] > 1 else 0)
    return calibrated.where(calibrated > mean - 2 * std, 0)
