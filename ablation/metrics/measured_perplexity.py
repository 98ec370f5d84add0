"""Perplexity of a text under a causal language model, window by window.

Protocol of the exp10 study: the token ids are cut into consecutive windows, each run on its own,
without BOS and without carrying context over; the first token of a window is given, the others are
predicted, so a window of n tokens counts n - 1 positions. A last, shorter window counts too; a
single left-over token does not. Models that were trained with a BOS read a window without one badly
(huggingface/transformers#40524): windows may begin with it, or with the several tokens of GLM-4's,
which is then what is given. What is left over of a text, and is no longer than that, does not count
either.

The logits of a whole window (positions × vocabulary) are never formed: the base model gives hidden
states, and the model turns them into log-probabilities a chunk of positions at a time.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from ablation.errors import ComputationError, InvalidInput
from ablation.metrics.decoder import decoder_of
from ablation.metrics.devices import input_device
from ablation.metrics.logits import logits_of
from ablation.metrics.perplexity import BLOCK, Bos, Perplexity

POSITIONS_PER_CHUNK = 256  # 50 MB of fp32 logits at a vocabulary of 49,152


@dataclass(frozen=True)
class Window:
    """A piece of a text that is run on its own.

    Attributes:
        ids: its tokens, those of a BOS included.
        given: the first tokens, which are not predicted: one of the text, or all of the BOS.
    """

    ids: Int[Tensor, " tokens"]
    given: int = 1

    @property
    def predicted(self) -> int:
        """How many tokens are."""
        return self.ids.numel() - self.given


def perplexity(
    model: nn.Module,
    ids: Int[Tensor, " tokens"],
    *,
    window: int,
    bos: Bos | None = None,
    chunk: int = POSITIONS_PER_CHUNK,
) -> Perplexity:
    """Returns the perplexity of ``ids`` under ``model`` as it stands, hooks included.

    One forward of the base model per window, so hooks fire as often as there are windows.

    Args:
        model: a transformers causal LM in evaluation mode.
        ids: token ids of the whole text.
        window: tokens per window, at most the model's context.
        bos: what windows begin with; nothing but the text without it.
        chunk: positions whose logits exist at a time; changes memory, not the result.

    Raises:
        InvalidInput: the window is longer than the context, the text too short for one position,
            or the model in training mode.
        ComputationError: the NLL is not finite.
    """
    check_model(model, window)
    device = input_device(model)
    parts = windows(ids, window, bos)
    return perplexity_of(
        window_nll(model, part.ids.to(device), given=part.given, chunk=chunk) for part in parts
    )


def perplexity_of(window_nlls: Iterable[Float[Tensor, " _"]]) -> Perplexity:
    """The perplexity of a text, given the NLL of every next token, window by window.

    Raises:
        ComputationError: the NLL of a window is not finite.
    """
    sums, counts = [], []
    for number, nll in enumerate(window_nlls):
        # Not on the device: some (MPS) know no float64.
        blocks = nll.cpu().double().split(BLOCK)
        nll_sums = tuple(block.sum().item() for block in blocks)
        if not math.isfinite(sum(nll_sums)):
            raise ComputationError(
                f"the NLL of window {number} ({nll.numel()} predicted tokens) is {sum(nll_sums)}; "
                "expected a finite number: run in float32, or ablate fewer heads"
            )
        sums.append(nll_sums)
        counts.append(tuple(block.numel() for block in blocks))
    return Perplexity(tuple(sums), tuple(counts))


def windows(ids: Int[Tensor, " tokens"], window: int, bos: Bos | None = None) -> tuple[Window, ...]:
    """Cuts ids into consecutive windows of ``window`` tokens; the last may be shorter.

    Args:
        ids: token ids of the whole text.
        window: tokens per window, ``bos`` included.
        bos: what windows begin with.

    Raises:
        InvalidInput: a window has no next token to predict, or no room for BOS and text.
    """
    if window < 2:
        raise InvalidInput(f"a window needs at least 2 tokens to predict one, got {window}")
    if ids.numel() < 2:
        raise InvalidInput(f"perplexity needs at least 2 tokens of text, got {ids.numel()}")
    if bos is None:
        return tuple(Window(part) for part in ids.split(window) if part.numel() >= 2)
    begin, given = ids.new_tensor(bos.ids), len(bos.ids)
    needed = given + 1 + (given if bos.each else 0)
    if window < needed:
        raise InvalidInput(f"a window of BOS and text needs at least {needed} tokens, got {window}")
    if not bos.each:
        first, *others = torch.cat((begin, ids)).split(window)
        return (Window(first, given), *(Window(part) for part in others if part.numel() > given))
    # What BOS leaves over of a text as long as a window counts as little as a single token does.
    of_text = [part for part in ids.split(window - given) if part.numel() > given]
    if not of_text:
        raise InvalidInput(
            f"perplexity behind a BOS of {given} tokens needs more than {given} of text, got "
            f"{ids.numel()}"
        )
    return tuple(Window(torch.cat((begin, part)), given) for part in of_text)


@torch.inference_mode()
def window_nll(
    model: nn.Module,
    ids: Int[Tensor, " tokens"],
    *,
    given: int = 1,
    chunk: int = POSITIONS_PER_CHUNK,
) -> Float[Tensor, " predicted"]:
    """Returns the fp32 NLL (nats) of each token of one window but the ``given`` first ones."""
    hidden = decoder_of(model)(input_ids=ids[None], use_cache=False).last_hidden_state[0]
    return token_nll(model, hidden[given - 1 : -1], ids[given:], chunk=chunk)


@torch.inference_mode()
def token_nll(
    model: nn.Module,
    hidden: Float[Tensor, "positions hidden"],
    targets: Int[Tensor, " positions"],
    *,
    chunk: int = POSITIONS_PER_CHUNK,
) -> Float[Tensor, " positions"]:
    """Returns the fp32 NLL (nats) of each target, given the hidden state that predicts it.

    Args:
        model: a transformers causal LM.
        hidden: final hidden states, after the last normalisation.
        targets: the token that follows each position.
        chunk: positions whose logits exist at a time.
    """
    if chunk < 1:
        raise InvalidInput(f"a chunk needs at least 1 position, got {chunk}")
    targets = targets.to(hidden.device)
    parts = [
        nn.functional.cross_entropy(
            logits_of(model, hidden_chunk[None])[0].float(), target_chunk, reduction="none"
        )
        for hidden_chunk, target_chunk in zip(
            hidden.split(chunk), targets.split(chunk), strict=True
        )
    ]
    return torch.cat(parts)


def check_model(model: nn.Module, window: int) -> None:
    """Raises InvalidInput unless the perplexity of ``model`` in such windows is well-defined."""
    if model.training:
        raise InvalidInput("perplexity needs a model without dropout; call model.eval() first")
    context = getattr(model.config, "max_position_embeddings", None)
    if context is not None and window > context:
        raise InvalidInput(
            f"a window of {window} tokens exceeds the model's context of {context}; "
            f"use at most {context}"
        )
