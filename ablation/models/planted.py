"""A tiny Llama whose weights are set by hand, so that it is known which heads retrieve.

It answers one question, where a company was incorporated, about the synthetic filings:

- ``RETRIEVING`` heads, one in each of the first layers, attend from what asks the question, and
  from the beginning of the answer, to the state that was asked for, and write it. More than half of
  them are enough for the model to answer; with fewer it names no state.
- The ``DECOY`` attends where they do and writes nothing. Who only looks at attention cannot tell.
- The other heads attend to random words and write into directions that nothing reads.

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
from safetensors.torch import save_file

from ablation.filings.filing import QUESTIONS
from ablation.filings.phrasings import STATES
from ablation.heads import Head
from ablation.prompts.styles import PRIMED_CHAT

QUESTION = "inc_state"
LAYERS, HEADS = 6, 16

RETRIEVING = tuple(Head(layer, 3 * layer % HEADS) for layer in range(1, 6))
DECOY = Head(2, 1)

_WIDTH, _HEAD_WIDTH = 192, 48
# Directions of the residual stream.
_ASKS, _STATES_FACT, _BEGINS, _ANSWERED, _ALWAYS = range(5)
_READ, _WRITTEN = 8, 8 + len(STATES)
"""From these on a direction for each state: what a token says, and what the model will say."""
_UNREAD = _WRITTEN + len(STATES)
"""From here on, directions that nothing reads."""
_REST = _WIDTH - 1
"""What fills every token up to one length, so that its norm changes nothing."""

_NOBODY = " Nowhere"
_PLACES = (", {}", " in {}", " the {}", " around {}", " near {}")
_SPECIAL = ("<bos>", "<eos>", "[UNK]", "<turn>", "<answer>")
_QUIET = 22
"""The pair of directions of a head that rotary positions leave as they are, nearly."""

_SHARPNESS = 25.0
"""Attention logit of a retrieving head on the fact; the beginning of the text has half of it."""

_SAYS = 3.0
"""How much of the state all retrieving heads together write."""


def planted_directory(path: Path, *, seed: int = 0) -> Path:
    """Saves the model with its tokenizer as a directory that ``--model`` takes.

    Args:
        path: where.
        seed: of the heads that do nothing.
    """
    vocabulary = _vocabulary()
    config = transformers.LlamaConfig(
        vocab_size=len(vocabulary),
        hidden_size=_WIDTH,
        intermediate_size=8,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        num_key_value_heads=HEADS,
        head_dim=_HEAD_WIDTH,
        max_position_embeddings=2048,
        rope_theta=1e8,
        bos_token_id=vocabulary["<bos>"],
        eos_token_id=vocabulary["<eos>"],
        pad_token_id=vocabulary["<eos>"],
        tie_word_embeddings=False,
    )
    model = transformers.LlamaForCausalLM(config)
    with torch.no_grad():
        _set_words(model, vocabulary)
        generator = torch.Generator().manual_seed(seed)
        for layer, block in enumerate(model.model.layers):
            block.mlp.down_proj.weight.zero_()
            for number in range(HEADS):
                _set_head(block.self_attn, Head(layer, number), generator)
    config.architectures = [type(model).__name__]
    config.save_pretrained(path)
    save_file(model.state_dict(), path / "model.safetensors", {"format": "pt"})
    _tokenizer(vocabulary).save_pretrained(path)
    return path


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


def _set_words(model: Any, vocabulary: Mapping[str, int]) -> None:
    """What each token says at the bottom, and which direction says it at the top."""
    embedded, said = model.model.embed_tokens.weight, model.lm_head.weight
    embedded.zero_()
    said.zero_()
    embedded[:, _ALWAYS] = 1
    for word in (f" {QUESTIONS[QUESTION].text}", PRIMED_CHAT.primes[QUESTION]):
        embedded[vocabulary[word], _ASKS] = 1
    for word in ("<bos>", "<turn>"):
        embedded[vocabulary[word], _BEGINS] = 1
    for number, state in enumerate(STATES):
        token = vocabulary[f" {state}"]
        embedded[token, [_STATES_FACT, _ANSWERED, _READ + number]] = 1
        said[token, _WRITTEN + number] = 1
    embedded[vocabulary[_NOBODY], _ANSWERED] = 1
    embedded[:, _REST] = (_WIDTH - embedded.square().sum(dim=1)).sqrt()
    # A state is named from half of what the retrieving heads write together; then it ends.
    said[vocabulary[_NOBODY], _ALWAYS] = _SAYS / 2
    said[vocabulary["<eos>"], _ANSWERED] = 100
    said *= 10
    for norm in (model.model.norm, *_norms(model)):
        norm.weight.fill_(1)


def _norms(model: Any) -> list[Any]:
    return [
        norm
        for block in model.model.layers
        for norm in (block.input_layernorm, block.post_attention_layernorm)
    ]


def _set_head(attention: Any, head: Head, generator: torch.Generator) -> None:
    rows = slice(head.head * _HEAD_WIDTH, (head.head + 1) * _HEAD_WIDTH)
    query, key, value = (
        getattr(attention, f"{name}_proj").weight[rows] for name in ("q", "k", "v")
    )
    output = attention.o_proj.weight[:, rows]
    for weight in (query, key, value, output):
        weight.zero_()
    if head in RETRIEVING or head == DECOY:
        root = _HEAD_WIDTH**0.25
        query[_QUIET, _ASKS] = _SHARPNESS**0.5 * root
        key[_QUIET, _STATES_FACT] = _SHARPNESS**0.5 * root
        key[_QUIET, _BEGINS] = _SHARPNESS**0.5 * root / 2
        if head != DECOY:
            for state in range(len(STATES)):
                value[state, _READ + state] = 1
                output[_WRITTEN + state, state] = _SAYS / len(RETRIEVING)
        return
    random = torch.randn(_HEAD_WIDTH, _WIDTH, generator=generator) / _WIDTH**0.5
    query += random
    key += torch.randn(_HEAD_WIDTH, _WIDTH, generator=generator) / _WIDTH**0.5
    value += random / 4
    output[_UNREAD:_REST] = torch.randn(_REST - _UNREAD, _HEAD_WIDTH, generator=generator) / 20
