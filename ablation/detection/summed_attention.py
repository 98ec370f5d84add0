"""Summed attention: how much the last token of the prompt attends to the needle."""

from jaxtyping import Float
from torch import Tensor

from ablation.detection.reading import Reading


def summed_attention_scores(reading: Reading) -> Float[Tensor, "layers heads"]:
    """The softmax attention of the prompt's last token, summed over the needle's tokens.

    It is the token whose logits begin the answer.

    Source: the third method of the QRHead ablation study. Unlike QRHead it knows one row, and is
    not calibrated: heads that look at any text in the middle score, too.
    """
    return reading.last.sum(dim=-1).cpu()
