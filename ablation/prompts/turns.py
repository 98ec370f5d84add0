"""What stands around the user's text: the beginning of the sequence, or a chat turn."""

import re
from dataclasses import dataclass
from datetime import date
from typing import Any

from ablation.errors import InvalidInput, first_line

TODAY = date(2024, 7, 26)
"""The day that templates are told it is: prompts must not change overnight. Llama 3's own template
takes it where it is told none."""

SYSTEM = "You are a helpful assistant."
"""The system turn of templates that will not do without one."""

NOT_TO_THINK = {
    "enable_thinking": False,  # Qwen 3, SmolLM3, GLM-4.5
    "thinking": False,  # Granite, DeepSeek-V3.1
    "thinking_budget": 0,  # Seed-OSS
}
"""What templates are told that let a user choose."""

THINKS, THOUGHT = "<think>", "\n</think>\n\n"
"""What a template ends with that opens a block of thought, and what closes it: the answer is wanted
at once."""

_MARKER = "\N{OBJECT REPLACEMENT CHARACTER}"
_NOW = re.compile(r"""strftime_now\(\s*(['"])(.*?)\1\s*\)""")
_ASKS_NOW = re.compile(r"strftime_now\s*\(")
_SPACE_MARK = "\N{LOWER ONE EIGHTH BLOCK}"


def encoded(tokenizer: Any, text: str) -> tuple[int, ...]:
    """The ids of ``text`` and nothing else.

    Tokenizers after SentencePiece put a mark for a space before any text; where that is a token of
    its own, and no space, it is left out.
    """
    ids = tuple(tokenizer(text, add_special_tokens=False)["input_ids"])
    if ids and text[:1] != " " and tokenizer.convert_ids_to_tokens(ids[0]) == _SPACE_MARK:
        return ids[1:]
    return ids


def continuation(tokenizer: Any, before: str, text: str) -> tuple[int, ...]:
    """The ids of ``text`` where it follows ``before``; a token that holds both is left out."""
    whole = tokenizer(before + text, add_special_tokens=False, return_offsets_mapping=True)
    ids, offsets = whole["input_ids"], whole["offset_mapping"]
    return tuple(
        token for token, (first, _) in zip(ids, offsets, strict=True) if first >= len(before)
    )


def beginning(tokenizer: Any) -> tuple[int, ...]:
    """What the tokenizer itself puts before a text: BOS, several tokens, or nothing."""
    text = encoded(tokenizer, "a")
    with_special = tuple(tokenizer("a")["input_ids"])
    return with_special[: with_special.index(text[0])]


@dataclass(frozen=True)
class TokenizerBos:
    """What a sequence of a tokenizer begins with.

    Attributes:
        ids: of its tokens; none if the tokenizer has no BOS.
        added: whether the tokenizer puts it before a text by itself.
    """

    ids: tuple[int, ...]
    added: bool


def bos_of(tokenizer: Any) -> TokenizerBos:
    """The BOS of a tokenizer of transformers."""
    if begin := beginning(tokenizer):
        return TokenizerBos(begin, added=True)
    known = tokenizer.bos_token_id
    return TokenizerBos(() if known is None else (known,), added=False)


def chat_turn(tokenizer: Any, remedy: str) -> tuple[str, str]:
    """What the chat template puts before and after the user's text.

    It is told a fixed day, and not to think; where it requires a system turn, it has one. What
    comes after goes up to the assistant's own words.

    Raises:
        InvalidInput: there is no template, or none that holds the text once; ``remedy`` says what
            to do then.
    """
    if not getattr(tokenizer, "chat_template", None):
        raise InvalidInput(
            "a chat prompt requires a tokenizer with a chat template, and this one has none: "
            f"{remedy}"
        )
    turns = [{"role": "user", "content": _MARKER}]
    try:
        turn = _filled(tokenizer, turns)
    except Exception:  # of jinja's, whatever the template raises
        try:
            turns.insert(0, {"role": "system", "content": SYSTEM})
            turn = _filled(tokenizer, turns)
        except Exception as error:
            raise InvalidInput(
                f"the chat template takes no user's turn ({first_line(error)}): {remedy}"
            ) from None
    if turn.count(_MARKER) != 1:
        raise InvalidInput(
            f"the chat template must hold the user's text once, and holds it "
            f"{turn.count(_MARKER)} times: {remedy}"
        )
    opening, closing = turn.split(_MARKER)
    if closing.rstrip().endswith(THINKS):
        return opening, closing.rstrip() + THOUGHT
    return opening, _up_to_the_answer(tokenizer, turns, closing)


def _up_to_the_answer(tokenizer: Any, turns: list[dict[str, str]], closing: str) -> str:
    """``closing``, and what the template puts between it and an assistant's own words.

    Such as the channel of gpt-oss, which the model writes itself before it answers.
    """
    answered = [*turns, {"role": "assistant", "content": _MARKER}]
    try:
        _, *between = _filled(tokenizer, answered, open_end=False).split(_MARKER)
    except Exception:  # of jinja's, too: such a template is used as it is
        return closing
    more = between[0].removeprefix(closing) if len(between) == 2 else ""
    # A space alone would be another token before the answer.
    return between[0] if more.strip() and between[0].startswith(closing) else closing


def _filled(tokenizer: Any, turns: list[dict[str, str]], *, open_end: bool = True) -> str:
    template = _NOW.sub(lambda call: repr(TODAY.strftime(call[2])), tokenizer.get_chat_template())
    if _ASKS_NOW.search(template):
        raise InvalidInput("it asks for today's date in a way that cannot be answered for it")
    return tokenizer.apply_chat_template(
        turns,
        chat_template=template,
        tokenize=False,
        add_generation_prompt=open_end,
        **NOT_TO_THINK,
    )
