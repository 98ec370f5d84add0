"""A model of which it is known which heads retrieve.

It answers one question, where a company was incorporated, about the synthetic filings:

- ``RETRIEVING`` heads, one in each of the first layers, attend from what asks the question, and
  from the beginning of the answer, to the state that was asked for, and write it. More than half of
  them are enough for the model to answer; with fewer it names no state.
- The ``DECOY`` attends where they do and writes nothing. Who only looks at attention cannot tell.
- The other heads attend to random words and write what no head that retrieves reads.

A state is one token. Where a filing names one as a place, of a plant or of the headquarters, the
token has the word before it, and is another: so the model need not understand the sentence.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tokenizers
import torch
import transformers
from jaxtyping import Float
from torch import Tensor

from ablation.filings.filing import QUESTIONS
from ablation.filings.phrasings import STATES
from ablation.heads import Head
from ablation.models.planted.weights import (
    GPT2,
    LEVELLING,
    LLAMA,
    HeadWeights,
    PlantedWeights,
    save,
)
from ablation.prompts.styles import PRIMED_CHAT

QUESTION = "inc_state"
LAYERS = 6
HEADS = {LLAMA: 16, GPT2: 4}
"""Of a layer; those of GPT-2 fill the width of its stream."""

RETRIEVING = tuple(Head(layer, 3 * layer % 4) for layer in range(1, LAYERS))
DECOY = Head(2, 1)

_HEAD_WIDTH = 48
_WIDTH = HEADS[GPT2] * _HEAD_WIDTH
# Directions of the residual stream.
_ASKS, _STATES_FACT, _BEGINS, _ANSWERED, _ALWAYS = range(5)
_READ, _WRITTEN = 8, 8 + len(STATES)
"""From these on a direction for each state: what a token says, and what the model will say."""
_SOUND = slice(_WRITTEN + len(STATES), _WIDTH - LEVELLING)
"""What else tells words apart; heads that do nothing attend by it, and write there."""

_NOBODY = " Nowhere"
_PLACES = (", {}", " in {}", " the {}", " around {}", " near {}")
_SPECIAL = ("<bos>", "<eos>", "[UNK]", "<turn>", "<answer>")
_QUIET = 22
"""The pair of directions of a head that rotary positions leave as they are, nearly."""

_SHARPNESS = 25.0
"""Attention logit of a retrieving head on the fact; the beginning of the text has half of it."""

_SAYS = 3.0
"""How much of the state all retrieving heads together write."""


def retrieving_model(path: Path, *, architecture: str = LLAMA, seed: int = 0) -> Path:
    """Saves the model with its tokenizer as a directory that ``--model`` takes.

    Args:
        path: where.
        architecture: ``LLAMA`` or ``GPT2``.
        seed: of the heads that do nothing, and of what they attend by.
    """
    vocabulary = _vocabulary()
    generator = torch.Generator().manual_seed(seed)
    embedded = _embedded(vocabulary, generator)
    layers = [
        [_head(Head(layer, number), generator) for number in range(HEADS[architecture])]
        for layer in range(LAYERS)
    ]
    weights = PlantedWeights(embedded, _said(vocabulary), layers)
    return save(path, weights, _tokenizer(vocabulary), architecture)


def _vocabulary() -> Mapping[str, int]:
    asked, prime = QUESTIONS[QUESTION].text, PRIMED_CHAT.primes[QUESTION]
    places = [phrase.format(state) for phrase in _PLACES for state in STATES]
    states = [f" {state}" for state in STATES]
    words = [*_SPECIAL, f" {asked}", " N/A", prime, _NOBODY, *states, *places]
    return {word: number for number, word in enumerate(words)}


def _tokenizer(vocabulary: Mapping[str, int]) -> Any:
    backend = tokenizers.Tokenizer(tokenizers.models.WordLevel(dict(vocabulary), unk_token="[UNK]"))
    known = sorted((word for word in vocabulary if word not in _SPECIAL), key=len, reverse=True)
    phrases = "|".join(rf"{re.escape(word)}(?!\w)" for word in known)
    backend.pre_tokenizer = tokenizers.pre_tokenizers.Split(
        tokenizers.Regex(rf"{phrases}|\s*[^\s,]+|,|\s+"), "isolated"
    )
    backend.decoder = tokenizers.decoders.Fuse()
    backend.post_processor = tokenizers.processors.TemplateProcessing(
        single="<bos> $A", special_tokens=[("<bos>", vocabulary["<bos>"])]
    )
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=backend, bos_token="<bos>", eos_token="<eos>", pad_token="<eos>",
        unk_token="[UNK]", additional_special_tokens=["<turn>", "<answer>"],
    )  # fmt: skip
    tokenizer.chat_template = (
        "<turn>{% for message in messages %}{{ message['content'] }}{% endfor %}<answer>"
    )
    return tokenizer


def _embedded(
    vocabulary: Mapping[str, int], generator: torch.Generator
) -> Float[Tensor, "words width"]:
    embedded = torch.zeros(len(vocabulary), _WIDTH)
    sound = torch.randn(embedded[:, _SOUND].shape, generator=generator)
    embedded[:, _SOUND] = sound - sound.mean(dim=1, keepdim=True)
    embedded[:, _ALWAYS] = 1
    for word in (f" {QUESTIONS[QUESTION].text}", PRIMED_CHAT.primes[QUESTION]):
        embedded[vocabulary[word], _ASKS] = 1
    for word in ("<bos>", "<turn>"):
        embedded[vocabulary[word], _BEGINS] = 1
    for number, state in enumerate(STATES):
        embedded[vocabulary[f" {state}"], [_STATES_FACT, _ANSWERED, _READ + number]] = 1
    embedded[vocabulary[_NOBODY], _ANSWERED] = 1
    return embedded


def _said(vocabulary: Mapping[str, int]) -> Float[Tensor, "words width"]:
    said = torch.zeros(len(vocabulary), _WIDTH)
    for number, state in enumerate(STATES):
        said[vocabulary[f" {state}"], _WRITTEN + number] = 1
    # A state is named from half of what the retrieving heads write together; then it ends.
    said[vocabulary[_NOBODY], _ALWAYS] = _SAYS / 2
    said[vocabulary["<eos>"], _ANSWERED] = 100
    return 10 * said


def _head(head: Head, generator: torch.Generator) -> HeadWeights:
    weights = HeadWeights.nothing(_HEAD_WIDTH, _WIDTH)
    if head in RETRIEVING or head == DECOY:
        root = _HEAD_WIDTH**0.25
        weights.query[_QUIET, _ASKS] = _SHARPNESS**0.5 * root
        weights.key[_QUIET, _STATES_FACT] = _SHARPNESS**0.5 * root
        weights.key[_QUIET, _BEGINS] = _SHARPNESS**0.5 * root / 2
        if head != DECOY:
            for state in range(len(STATES)):
                weights.value[state, _READ + state] = 1
                weights.output[_WRITTEN + state, state] = _SAYS / len(RETRIEVING)
        return weights
    for weight, size in ((weights.query, 1), (weights.key, 1), (weights.value, 4)):
        random = torch.randn(_HEAD_WIDTH, _WIDTH, generator=generator)
        weight.copy_(random / _WIDTH**0.5 / size)
    random = torch.randn(weights.output[_SOUND].shape, generator=generator)
    weights.output[_SOUND] = random / 20
    return weights
