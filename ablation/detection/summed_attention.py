"""Summed attention: how much the last token of the prompt attends to the needle."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from ablation.detection.context import Context
from ablation.detection.mean_attention import mean_attention
from ablation.prompts.prompt import Prompt


@torch.inference_mode()
def summed_attention_scores(
    model: Any, prompt: Prompt, context: Context | None = None
) -> Float[Tensor, "layers heads"]:
    """The softmax attention of the prompt's last token, summed over the needle's tokens.

    It is the token whose logits begin the answer. What is before it runs once, and only its row of
    the attention matrix is formed: memory is linear in the prompt's length.

    Source: the third method of the QRHead ablation study. Unlike QRHead it knows one row, and is
    not calibrated: heads that look at any text in the middle score, too.
    """
    context = context or Context(model, prompt.context)
    cache = context.cache()
    if between := prompt.ids[len(context.ids) : -1]:
        ids = torch.tensor([between], device=model.device)
        model.base_model(input_ids=ids, past_key_values=cache, use_cache=True)
    attention = mean_attention(model, prompt.ids[-1:], cache, len(prompt.ids))
    return attention[..., slice(*prompt.needle)].sum(dim=-1).cpu()
