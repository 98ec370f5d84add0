"""Greedy answers of a model with heads ablated, several sets of heads in one batch."""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from transformers import GenerationConfig, LogitsProcessor, LogitsProcessorList

from ablation.ablator import HeadAblator
from ablation.errors import ComputationError, InvalidInput, notice, shortened
from ablation.heads import Head
from ablation.metrics.answers import MAX_NEW_TOKENS, Answer
from ablation.metrics.devices import input_device
from ablation.modes import Scope
from ablation.modes.protocol import Ablation
from ablation.modes.zero import ZeroAblation
from ablation.passes.positions import check_positions

BENDS = (
    "bad_words_ids",
    "begin_suppress_tokens",
    "do_sample",
    "encoder_repetition_penalty",
    "forced_bos_token_id",
    "forced_eos_token_id",
    "min_length",
    "min_new_tokens",
    "no_repeat_ngram_size",
    "num_beams",
    "repetition_penalty",
    "sequence_bias",
    "suppress_tokens",
)
"""Generation defaults under which an answer may be another than the greedy one."""

PLAIN = (None, False, 0, 1)
"""Their values that change nothing."""


class _Noting(LogitsProcessor):
    """Refuses NaN, of which the argmax is a token like any other, and notes how sure a token is."""

    def __init__(self) -> None:
        self.steps: list[Float[Tensor, " batch"]] = []

    def __call__(
        self, input_ids: Int[Tensor, "batch seq"], scores: Float[Tensor, "batch vocab"]
    ) -> Float[Tensor, "batch vocab"]:
        self.steps.append(log_probability_of_largest(refuse_nan(scores)))
        return scores


def refuse_nan(logits: Float[Tensor, "*shape vocab"]) -> Float[Tensor, "*shape vocab"]:
    """The logits, as they are.

    Raises:
        ComputationError: one is NaN.
    """
    if torch.isnan(logits).any():
        raise ComputationError(
            "the model's logits are NaN: no answer can be read from them; try --dtype float32"
        )
    return logits


def log_probability_of_largest(logits: Float[Tensor, "*shape vocab"]) -> Float[Tensor, "*shape"]:
    """The natural logarithm of the probability of the token with the largest logit, in fp32."""
    logits = logits.float()
    return logits.amax(-1) - logits.logsumexp(-1)


@torch.inference_mode()
def greedy_ids(
    model: Any,
    prompts: Int[Tensor, "batch seq"],
    row_heads: Sequence[Sequence[Head]],
    ablation: Ablation = ZeroAblation(),
    *,
    max_new_tokens: int = MAX_NEW_TOKENS,
    noting: _Noting | None = None,
) -> Int[Tensor, "batch new"]:
    """What ``model.generate`` appends greedily to each row, under its own set of ablated heads.

    Args:
        model: a causal language model of transformers.
        prompts: prompts of equal length, without padding.
        row_heads: a set of heads for each row; an empty set is the unablated model.
        ablation: how they are ablated; told its prompts.
        max_new_tokens: an answer ends there, or at the model's end-of-sequence token; shorter ones
            are padded.
        noting: has how sure each token is; None where nobody asks.

    Raises:
        ComputationError: the logits are NaN.
    """
    with HeadAblator.per_row(model, row_heads, ablation) as ablator:
        out = model.generate(
            input_ids=prompts,
            attention_mask=torch.ones_like(prompts),
            generation_config=GenerationConfig(
                max_new_tokens=max_new_tokens,
                do_sample=False,
                eos_token_id=model.generation_config.eos_token_id,
                pad_token_id=_pad_token_id(model),
            ),
            logits_processor=LogitsProcessorList([noting or _Noting()]),
        )
        if ablation.scope is Scope.DECODE and out.shape[1] == prompts.shape[1] + 1:
            ablator.nothing_was_due()
    return out[:, prompts.shape[1] :]


@torch.inference_mode()
def greedy_answers(
    model: Any,
    tokenizer: Any,
    prompt_ids: Sequence[int],
    row_heads: Sequence[Sequence[Head]],
    ablation: Ablation = ZeroAblation(),
    *,
    max_new_tokens: int = MAX_NEW_TOKENS,
) -> list[Answer]:
    """The model's greedy answers to one prompt, each under its own set of ablated heads.

    All sets run as rows of one batch: the weights are read once for all of them while decoding.

    Args:
        model: a causal language model of transformers.
        tokenizer: its tokenizer.
        prompt_ids: the prompt, as ids (never re-tokenised text).
        row_heads: one set of heads per answer; an empty set is the unablated model.
        ablation: how the heads are ablated.
        max_new_tokens: an answer ends there, or at the model's end-of-sequence token.

    Returns:
        The answers, in the order of ``row_heads``.

    Raises:
        InvalidInput: as ``check_positions``.
        ComputationError: the logits are NaN.
    """
    check_positions(model, len(prompt_ids), len(prompt_ids) + max_new_tokens - 1)
    ids = torch.tensor([list(prompt_ids)] * len(row_heads), device=input_device(model))
    noted, ends = _Noting(), end_tokens(model)
    out = greedy_ids(
        model,
        ids,
        row_heads,
        ablation.for_prompts(model, ids[:1]),
        max_new_tokens=max_new_tokens,
        noting=noted,
    )
    texts = tokenizer.batch_decode(out, skip_special_tokens=True)
    found = []
    for tokens, steps, text in zip(
        out.tolist(), torch.stack(noted.steps, dim=1).tolist(), texts, strict=True
    ):
        length = next((n for n, token in enumerate(tokens, 1) if token in ends), len(tokens))
        found.append(Answer(text, sum(steps[:length])))
    return found


def make_greedy(model: Any) -> None:
    """Strips the model's own generation defaults down to its end-of-sequence tokens.

    ``generate`` fills what a caller leaves open from the model's defaults, so that a repetition
    penalty shipped with the weights would quietly bend a "greedy" answer. What is left out is said.

    Raises:
        InvalidInput: a default is no token of the model where it must be one.
    """
    check_end_tokens(model)
    asked = {name: getattr(model.generation_config, name, None) for name in BENDS}
    bends = [name for name, value in asked.items() if value is True or value not in PLAIN]
    if bends:
        notice(
            f"generation_config.json asks for {', '.join(bends)}: answers are greedy all the same"
        )
    model.generation_config = GenerationConfig(
        eos_token_id=model.generation_config.eos_token_id, pad_token_id=_pad_token_id(model)
    )


def check_end_tokens(model: Any) -> None:
    """Refuses what came with a model as its end-of-sequence and padding token and is none.

    Raises:
        InvalidInput: they are not.
    """
    defaults, rows = model.generation_config, model.get_input_embeddings().weight.shape[0]
    ends, pad = defaults.eos_token_id, defaults.pad_token_id
    known = ends if isinstance(ends, list) else [] if ends is None else [ends]
    if ends == [] or not all(type(end) is int and 0 <= end < rows for end in known):
        raise InvalidInput(
            f"eos_token_id must be a token of the model, from 0 to {rows - 1}, or a list of such, "
            f"got {shortened(ends)}: correct generation_config.json or config.json"
        )
    if pad is not None and type(pad) is not int:
        raise InvalidInput(
            f"pad_token_id must be a token, got {shortened(pad)}: correct generation_config.json "
            "or config.json"
        )


def end_tokens(model: Any) -> frozenset[int]:
    """The tokens that end an answer."""
    eos = model.generation_config.eos_token_id
    return frozenset(eos if isinstance(eos, list) else [] if eos is None else [eos])


def _pad_token_id(model: Any) -> int:
    """What follows the end of a finished row: never seen by another token, so any id will do."""
    defaults, rows = model.generation_config, model.get_input_embeddings().weight.shape[0]
    # Some families give -1 for none, others one that was added to the tokenizer alone.
    if defaults.pad_token_id is not None and 0 <= defaults.pad_token_id < rows:
        return defaults.pad_token_id
    eos = defaults.eos_token_id
    return (eos[0] if isinstance(eos, list) else eos) or 0
