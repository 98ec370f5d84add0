"""QRHead detection on one prompt: our few rows of attention against eager ``output_attentions``."""

import os

import torch
from torch import Tensor

from ablation.detection.qrhead import query_focused_scores
from ablation.models.loading import LoadedModel
from ablation.prompts.prompt import Prompt


def by_rows(loaded: LoadedModel, prompt: Prompt) -> Tensor:
    """Scores ``(layers, heads)``: only the question's rows of attention are formed."""
    return query_focused_scores(loaded.model, prompt)


@torch.inference_mode()
def by_eager(loaded: LoadedModel, prompt: Prompt) -> Tensor:
    """The same from whole attention matrices, which the model gives in eager mode only."""
    start, end = prompt.needle
    asked, null = (
        torch.stack(
            [
                attention[0, :, len(prompt.context) :, start:end].mean(1)
                for attention in loaded.model.base_model(
                    input_ids=torch.tensor([prompt.context + question], device=loaded.model.device),
                    output_attentions=True,
                    use_cache=False,
                ).attentions
            ]
        )
        for question in (prompt.question, prompt.null_question)
    )
    calibrated = (asked - null).float()
    bound = calibrated.mean(-1, keepdim=True) - 2 * calibrated.std(-1, keepdim=True)
    return calibrated.where(calibrated > bound, 0).sum(-1).cpu()


def eager_bytes(loaded: LoadedModel, tokens: int) -> int:
    """What the attention matrices of all layers take at once."""
    grid = loaded.grid
    return grid.layers * grid.heads * tokens * tokens * loaded.model.dtype.itemsize


def free_bytes() -> int:
    """The machine's free memory; a bench must not drive it into swap."""
    return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
