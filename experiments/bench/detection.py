"""QRHead detection: our few rows of attention against eager ``output_attentions``."""

import os
from collections.abc import Sequence

import torch
from torch import Tensor

from ablation.detection import QRHEAD
from ablation.detection.methods import scores_of_prompts
from ablation.metrics.decoder import decoder_of
from ablation.models.loading import LoadedModel
from ablation.prompts.prompt import Prompt


def by_rows(loaded: LoadedModel, prompts: Sequence[Prompt]) -> Tensor:
    """Scores ``(prompts, layers, heads)``: only the questions' rows of attention are formed."""
    bound = loaded.engine.activation_bytes
    found = scores_of_prompts(
        loaded.model, loaded.tokenizer, prompts, [[QRHEAD]] * len(prompts), activation_bytes=bound
    )
    scores = {place: of[QRHEAD] for place, of in found}
    return torch.stack([scores[place] for place in range(len(prompts))])


def one_by_one(loaded: LoadedModel, prompts: Sequence[Prompt]) -> Tensor:
    """The same, each prompt in a pass of its own."""
    return torch.cat([by_rows(loaded, [prompt]) for prompt in prompts])


@torch.inference_mode()
def by_eager(loaded: LoadedModel, prompt: Prompt) -> Tensor:
    """Scores ``(1, layers, heads)`` from whole attention matrices: the model in eager mode."""
    start, end = prompt.needle
    asked, null = (
        torch.stack(
            [
                attention[0, :, len(prompt.context) :, start:end].mean(1)
                for attention in decoder_of(loaded.model)(
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
    return calibrated.where(calibrated > bound, 0).sum(-1).cpu()[None]


def eager_bytes(loaded: LoadedModel, tokens: int) -> int:
    """What the attention matrices of all layers take at once."""
    grid = loaded.grid
    return len(grid) * tokens * tokens * loaded.model.dtype.itemsize


def free_bytes() -> int:
    """The machine's free memory; a bench must not drive it into swap."""
    return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
