"""Two models of a text of which it is known what each head is good for.

The text is of pairs: a first word, any of ``PAIRS``, and the second one that belongs to it. A head
that attends to the words that are like the present one can write which word belongs to it.

- ``REDUNDANT``: two heads each write all the second words, so that one alone is not missed and both
  are; and ``CONSTANT``, a head of layer 0, writes the same everywhere, without which the model says
  a word that the text has not. Its mean does as well.
- ``SHARED_OUT``: ``PAIRS`` heads each write one second word, little. Each is missed at its own word
  alone, so that what many cost together is what each costs, summed; and a little less, since what
  one writes shifts the mean that the norms of later layers take away.

The other heads write nothing.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tokenizers
import torch
import transformers
from jaxtyping import Float
from torch import Tensor

from ablation.heads import Head
from ablation.models.planted.weights import GPT2, HeadWeights, PlantedWeights, save

REDUNDANT, SHARED_OUT = "redundant", "shared out"

LAYERS, HEADS = 5, 4
PAIRS = 16

CONSTANT = Head(0, 2)
EITHER = (Head(1, 1), Head(3, 2))
"""The two heads of which one suffices."""
SHARING = tuple(Head(1 + pair // HEADS, pair % HEADS) for pair in range(PAIRS))
"""The head of each pair."""

_FIRST, _SECOND = range(PAIRS), range(PAIRS, 2 * PAIRS)
_NEVER = 2 * PAIRS
"""A word that the text has not."""
_WORDS = (*(f"a{pair}" for pair in range(PAIRS)), *(f"b{pair}" for pair in range(PAIRS)), "never")
_END = "<end>"
_VOCABULARY = (*_WORDS, _END)

_HEAD_WIDTH = 48
_WIDTH = HEADS * _HEAD_WIDTH
# Directions of the residual stream: one for each word that a token is, and that it may say.
_IS, _SAYS = 0, len(_WORDS)
_SAYS_NEVER = 2 * len(_WORDS)
_ALWAYS = _SAYS_NEVER + 1

_ALIKE = 30.0
"""Attention logit of a word on its like."""
_SURE, _UNSURE = 12.0, 2.2
"""Logit of the second word by one redundant head, and by one that shares the work out."""
_MISLED = 6.0
"""Logit of the word that never comes, where the constant head is missing."""


def model_of_words(path: Path, work: str) -> Path:
    """Saves a GPT-2 with its tokenizer as a directory that ``--model`` takes.

    Args:
        path: where.
        work: ``REDUNDANT`` or ``SHARED_OUT``.
    """
    layers = [[_head(Head(layer, head), work) for head in range(HEADS)] for layer in range(LAYERS)]
    weights = PlantedWeights(_embedded(misled=work == REDUNDANT), _said(), layers)
    return save(path, weights, _tokenizer(), GPT2)


def text_of_words(pairs: int, *, seed: int = 0) -> list[int]:
    """Ids of the tokens of so many random pairs.

    Args:
        pairs: how many; twice as many tokens.
        seed: of the first words.
    """
    generator = torch.Generator().manual_seed(seed)
    first = torch.randint(PAIRS, (pairs,), generator=generator).tolist()
    return [word for pair in first for word in (_FIRST[pair], _SECOND[pair])]


def _embedded(*, misled: bool) -> Float[Tensor, "words width"]:
    embedded = torch.zeros(len(_VOCABULARY), _WIDTH)
    embedded[:, _ALWAYS] = 1
    embedded[:, _SAYS_NEVER] = float(misled)
    for word in range(len(_WORDS)):
        embedded[word, _IS + word] = 1
    return embedded


def _said() -> Float[Tensor, "words width"]:
    said = torch.zeros(len(_VOCABULARY), _WIDTH)
    for word in range(len(_WORDS)):
        said[word, _SAYS + word] = 1
    said[_NEVER, _SAYS_NEVER] = _MISLED
    return said


def _head(head: Head, work: str) -> HeadWeights:
    weights = HeadWeights.nothing(_HEAD_WIDTH, _WIDTH)
    known: Sequence[int] = ()
    logit = _SURE if work == REDUNDANT else _UNSURE
    if work == REDUNDANT and head in EITHER:
        known = _FIRST
    elif work == SHARED_OUT and head in SHARING:
        known = [SHARING.index(head)]
    elif work == REDUNDANT and head == CONSTANT:
        weights.value[0, _ALWAYS] = 1
        weights.output[_SAYS_NEVER, 0] = -1
    like = _ALIKE**0.5 * _HEAD_WIDTH**0.25
    for pair in known:
        for word in range(len(_WORDS)):
            weights.query[word, _IS + word] = weights.key[word, _IS + word] = like
        weights.value[pair, _IS + _FIRST[pair]] = 1
        weights.output[_SAYS + _SECOND[pair], pair] = logit
    return weights


def _tokenizer() -> Any:
    ids = {word: number for number, word in enumerate(_VOCABULARY)}
    backend = tokenizers.Tokenizer(tokenizers.models.WordLevel(ids, unk_token=_END))
    backend.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=backend, bos_token=_END, eos_token=_END, unk_token=_END
    )
