"""QRHead: query-focused retrieval heads (Zhang et al., EMNLP 2025, arXiv 2506.09944, section 3).

Two choices of the rows that ask. ``qrhead``: the question alone, as in the QRHead ablation study;
all claims use it. ``qrhead_chat``: with what closes the chat turn, as in the paper's code
(princeton-pli/QRHead, ``attn_retriever.py``, ``compose_scoring_prompt``). In a prompt without chat
turns they are the same.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from ablation.detection.reading import Asked
from ablation.errors import ComputationError


def query_focused_scores(asked: Asked) -> Float[Tensor, "layers heads"]:
    """The QRHead score of every head on one prompt.

    With a(t) the softmax attention to needle token t, averaged over the tokens that ask, and
    a₀(t) the same for the question ``N/A``, the score is Σ c(t) over the needle's tokens with
    c(t) > mean(c) − 2·std(c), where c = a − a₀.

    The tokens that ask are those of ``\\n\\nQuestion: …\\nAnswer in one word:``, with or without
    what closes the chat turn. The answer's beginning, which some prompts put into the model's
    mouth, is never among them: it holds words of the answer.

    Raises:
        ComputationError: the model's attention is NaN.
    """
    calibrated = calibrate(asked.question, asked.null_question)
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
