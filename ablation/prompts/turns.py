"""What stands around the user's text: the beginning of the sequence, or a chat turn."""

from typing import Any

from ablation.errors import InvalidInput

_MARKER = "\N{OBJECT REPLACEMENT CHARACTER}"


def encoded(tokenizer: Any, text: str) -> tuple[int, ...]:
    """The ids of ``text`` and nothing else."""
    return tuple(tokenizer(text, add_special_tokens=False)["input_ids"])


def continuation(tokenizer: Any, before: str, text: str) -> tuple[int, ...]:
    """The ids of ``text`` where it follows ``before``; a token that holds both is left out."""
    whole = tokenizer(before + text, add_special_tokens=False, return_offsets_mapping=True)
    ids, offsets = whole["input_ids"], whole["offset_mapping"]
    return tuple(
        token for token, (first, _) in zip(ids, offsets, strict=True) if first >= len(before)
    )


def beginning(tokenizer: Any) -> tuple[int, ...]:
    """What the tokenizer itself puts before a text: BOS, or nothing."""
    text = encoded(tokenizer, "a")
    with_special = tuple(tokenizer("a")["input_ids"])
    return with_special[: with_special.index(text[0])]


def chat_turn(tokenizer: Any, remedy: str) -> tuple[str, str]:
    """What the chat template puts before and after the user's text.

    Raises:
        InvalidInput: there is no template, or none that holds the text once; ``remedy`` says what
            to do then.
    """
    if not getattr(tokenizer, "chat_template", None):
        raise InvalidInput(
            "a chat prompt requires a tokenizer with a chat template, and this one has none: "
            f"{remedy}"
        )
    turn = tokenizer.apply_chat_template(
        [{"role": "user", "content": _MARKER}], tokenize=False, add_generation_prompt=True
    )
    if turn.count(_MARKER) != 1:
        raise InvalidInput(
            f"the chat template must hold the user's text once, and holds it "
            f"{turn.count(_MARKER)} times: {remedy}"
        )
    opening, closing = turn.split(_MARKER)
    return opening, closing
