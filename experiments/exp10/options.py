"""The choices of a run of Experiment 10, and the study's own among them; imports no torch."""

from dataclasses import dataclass

from ablation.errors import InvalidInput

PARTS = "abcd"
MODES = ("zero", "mean", "uniform_causal", "uniform_all", "bos")
BIAS_POLICIES = ("keep", "remove")
BOS_CHOICES = ("none", "first", "each")
LONGEST_WINDOW = 1024
"""The study's window; models with a longer context are cut to it, so that windows compare."""


@dataclass(frozen=True)
class Exp10Options:
    """What is measured and how; None stands for the model's own default.

    Attributes:
        text: ``embedded``, ``wikitext2`` or a file.
        max_tokens: how many tokens of it.
        window: tokens per window; the smaller of the context and ``LONGEST_WINDOW``.
        bos: one of ``BOS_CHOICES``: which windows begin with the tokenizer's BOS; ``each`` where
            the tokenizer puts one before a text by itself, else ``none`` (GPT-2, the study's).
        mode: one of ``MODES``, see ``ablation.modes``; the mean is over the text.
        bias: for ``zero``, ``keep`` (the study's: z becomes the value bias) or ``remove`` (z
            becomes 0).

    Raises:
        InvalidInput: an unknown mode, bias policy or choice of BOS, ``remove`` with another mode
            than ``zero``, or a number below 2.
    """

    text: str | None = None
    max_tokens: int | None = None
    window: int | None = None
    bos: str | None = None
    mode: str = MODES[0]
    bias: str = BIAS_POLICIES[0]

    def __post_init__(self) -> None:
        for name, value, known in (
            ("--mode", self.mode, MODES),
            ("--bias", self.bias, BIAS_POLICIES),
            ("--bos", self.bos or BOS_CHOICES[0], BOS_CHOICES),
        ):
            if value not in known:
                raise InvalidInput(f"{name} must be one of {', '.join(known)}, got {value!r}")
        for name, number in (("--max-tokens", self.max_tokens), ("--window", self.window)):
            if number is not None and number < 2:
                raise InvalidInput(f"{name} must be at least 2, to predict a token, got {number}")
        if self.mode != MODES[0] and self.bias == "remove":
            raise InvalidInput(
                "--bias remove goes with --mode zero only: the other modes put a z in its place "
                "that holds the value bias; leave --bias out"
            )
