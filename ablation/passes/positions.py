"""Position encodings that change with the length of a pass: where a prompt may not be asked.

Rotary frequencies of kind ``dynamic`` grow with the longest pass there has been, and keep what it
was (transformers, ``dynamic_rope_update``): beyond the original context, the same prompt asked
twice gives another answer. Those of kind ``longrope`` are others beyond the original context: what
is fed in one pass and what is fed in two, on both sides of it, differs.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from ablation.errors import InvalidInput

DYNAMIC, LINEAR, LONGROPE, YARN = "dynamic", "linear", "longrope", "yarn"

_CHANGING = (DYNAMIC, LONGROPE)
"""Kinds whose frequencies depend on how long the text is."""

UNNAMED_CONTEXT = 2048
"""Where a family has no bound (ALiBi) and the config names none: the length that they were trained
at (BLOOM, MPT)."""


def context_of(config: Any) -> int:
    """How many tokens a model was made for.

    With scaled rotary positions configs name the original context or the whole one; the larger of
    what they can mean is taken.
    """
    for name in ("max_position_embeddings", "max_seq_len", "seq_length"):
        found = getattr(config, name, None)
        if isinstance(found, int):
            return max(found, _scaled_context(config, found))
    return UNNAMED_CONTEXT


def _scaled_context(config: Any, named: int) -> int:
    rope = getattr(config, "rope_parameters", None) or {}
    kind, factor = rope.get("rope_type"), rope.get("factor")
    if kind not in (LINEAR, YARN) or not isinstance(factor, int | float):
        return 0
    original = rope.get("original_max_position_embeddings")
    return int(factor * (original if isinstance(original, int) else named))


def longest_pass(config: Any) -> int | None:
    """The most tokens that a text may come to; None: any number, as far as positions go."""
    bounds = [original for kind, original in _original_contexts(config) if kind == DYNAMIC]
    return min(bounds, default=None)


def change_with_length(config: Any) -> bool:
    """Whether a token's position may be another one in a longer pass."""
    return any(kind in _CHANGING for kind, _ in _original_contexts(config))


def check_positions(model: Any, shortest: int, longest: int) -> None:
    """Refuses a text that is fed in several passes of which some end where positions change.

    Args:
        model: a causal language model of transformers.
        shortest: how many tokens there are after the first pass, counted from the beginning.
        longest: how many there are after the last.

    Raises:
        InvalidInput: its tokens would not have the same positions however they are fed.
    """
    for kind, original in _original_contexts(model.config):
        if kind not in _CHANGING:
            continue
        if longest > original and (kind == DYNAMIC or shortest <= original):
            beyond = "" if kind == DYNAMIC else f", or of more than {original}"
            raise InvalidInput(
                f"rotary positions of kind {kind!r} change at {original} tokens, so that prompt "
                f"and answer, {longest} tokens, are no longer the same in every pass: use prompts "
                f"of at most {original - (longest - shortest)} tokens{beyond}"
            )


def span_limits(config: Any) -> list[int]:
    """Where attention begins to leave tokens out or an original context ends: tokens, ascending.

    But for that of kind ``dynamic``, beyond which no text is fed, see ``longest_pass``.
    """
    named = ("sliding_window", "attention_chunk_size", "window_size")  # the last is GPT-Neo's
    windows = [getattr(config, name, None) for name in named]
    found = {window for window in windows if isinstance(window, int) and window > 0}
    return sorted(found | {at for kind, at in _original_contexts(config) if kind != DYNAMIC})


def _original_contexts(config: Any) -> Iterator[tuple[str, int]]:
    """Kind and original context of each set of rotary frequencies that is scaled and names one."""
    found = getattr(config, "rope_parameters", None) or {}
    # Some families have a set of frequencies for each kind of layer.
    for one in [found, *found.values()]:
        if not isinstance(one, Mapping):
            continue
        kind = str(one.get("rope_type"))
        if DYNAMIC in kind:
            yield DYNAMIC, config.max_position_embeddings
        elif isinstance(original := one.get("original_max_position_embeddings"), int):
            yield kind, original
        elif kind == LINEAR and one is found:
            yield kind, config.max_position_embeddings
