"""Tokens that a tokenizer knows and its model does not."""

from collections.abc import Iterable, Sequence
from typing import Any

from ablation.errors import InvalidInput


def check_known(model: Any, texts: Iterable[Sequence[int]]) -> None:
    """Refuses texts with a token that has no row of the model's embedding.

    A tokenizer may have more tokens than its model: some were added to it alone.

    Args:
        model: a causal language model of transformers.
        texts: token ids of each.

    Raises:
        InvalidInput: one has such a token.
    """
    rows = model.get_input_embeddings().weight.shape[0]
    highest = max((max(text, default=0) for text in texts), default=0)
    if highest >= rows:
        raise InvalidInput(
            f"a text has token {highest}, which was added to the tokenizer, and the model knows "
            f"{rows}: take the words of added tokens out of the text"
        )
