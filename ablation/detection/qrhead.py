"""QRHead: query-focused retrieval heads (Zhang et al., EMNLP 2025, arXiv 2506.09944, section 3)."""

import torch
from jaxtyping import Float
from torch import Tensor

from ablation.detection.reading import Reading
from ablation.errors import ComputationError


def query_focused_scores(reading: Reading) -> Float[Tensor, "layers heads"]:
    """The QRHead score of every head on one prompt.

    With a(t) the softmax attention to needle token t, averaged over the question's tokens, and
    a₀(t) the same for the question ``N/A``, the score is Σ c(t) over the needle's tokens with
    c(t) > mean(c) − 2·std(c), where c = a − a₀.

    Relative to the paper: the question's rows are the tokens of ``\\n\\nQuestion: …\\nAnswer in
    one word:`` in every prompt style. What follows them in a chat prompt is the same in both
    passes and holds words of the answer, so it is left out.

    Raises:
        ComputationError: the model's attention is NaN.
    """
    calibrated = calibrate(reading.question, reading.null_question)
    return without_outliers(calibrated).sum(dim=-1).cpu()


def calibrate(
    asked: Float[Tensor, "layers heads tokens"], null: Float[Tensor, "layers heads tokens"]
) -> Float[Tensor, "layers heads tokens"]:
    """Attention from a question beyond that from a null question.

    Raises:
        ComputationError: the model's attention is NaN.
    """
    calibrated = asked - null
    if torch.isnan(calibrated).any():
        # A comparison with NaN is false, so NaN would pass as a score of 0.
        raise ComputationError("the model's attention is NaN: try --dtype float32")
    return calibrated


def without_outliers(calibrated: Float[Tensor, "*shape tokens"]) -> Float[Tensor, "*shape tokens"]:
    """0 where a token is at or below mean − 2·std of all of them."""
    mean = calibrated.mean(dim=-1, keepdim=True)
    std = calibrated.std(dim=-1, keepdim=True, correction=1 if calibrated.shape[-1] > 1 else 0)
    return calibrated.where(calibrated > mean - 2 * std, 0)
