"""How a model wants to be asked: part of its registry entry, chosen on the detection split only."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class PromptStyle:
    """The frame of a prompt.

    Attributes:
        name: its key in ``STYLES``.
        chat: wrap the prompt in the tokenizer's chat template.
        haystack: which text surrounds the needle, a key of ``prompts.haystacks.HAYSTACKS``.
        primes: question key -> the words the answer begins with, put into the model's mouth;
            small instruct models answer reliably only so.
    """

    name: str
    chat: bool = False
    haystack: str = "wikipedia"
    primes: Mapping[str, str] = field(default_factory=dict)


PLAIN = PromptStyle("plain")
"""The paper's prompt: BOS, haystack, needle, haystack, question."""

PRIMED_CHAT = PromptStyle(
    "chat",
    chat=True,
    haystack="boilerplate",
    primes={
        "inc_state": "The company is a corporation organized under the laws of the State of",
        "inc_year": "The Company was incorporated in",
        "employee_count": "The company's total number of employees, as of December 31, was",
        "hq_state": "According to the filing, the company is headquartered in",
    },
)
"""One chat turn with the answer begun. Primes, haystack and the wording of the synthetic filings
were chosen for SmolLM2 on the detection split and are frozen."""

STYLES: Mapping[str, PromptStyle] = {style.name: style for style in (PLAIN, PRIMED_CHAT)}
