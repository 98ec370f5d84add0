"""The residual stream at an ambiguous word, layer by layer: what ``penetration`` starts from."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ablation.hooks.capture import capture_residual
from ablation.metrics.decoder import decoder_of
from ablation.metrics.devices import input_device
from ablation.models.loading import LoadedModel


@torch.inference_mode()
def word_residuals(
    loaded: LoadedModel, contexts: Sequence[str], word: str
) -> Float[np.ndarray, "contexts points hidden"]:
    """The residual stream at the last token of ``word`` behind each context, after 0 … L layers."""
    rows = [_up_to_word(loaded.tokenizer, f"{context} {word}") for context in contexts]
    longest = max(map(len, rows))
    # Padded behind the word, where a causal model does not look: no mask is needed.
    padded = torch.tensor([row + [row[-1]] * (longest - len(row)) for row in rows])
    device = input_device(loaded.model)
    last = torch.tensor([len(row) - 1 for row in rows])
    with capture_residual(loaded.model) as stream:
        decoder_of(loaded.model)(input_ids=padded.to(device), use_cache=False)
    index = torch.arange(len(rows))
    points: list[Tensor] = [stream[point].cpu()[index, last].float() for point in sorted(stream)]
    return torch.stack(points, dim=1).double().numpy()


def _up_to_word(tokenizer: Any, text: str) -> list[int]:
    """Token ids of ``text`` up to the end of its last word; some tokenizers append an EOS."""
    encoded = tokenizer(text, return_offsets_mapping=True)
    ends = [end for _, end in encoded["offset_mapping"]]
    return encoded["input_ids"][: len(ends) - ends[::-1].index(len(text))]
