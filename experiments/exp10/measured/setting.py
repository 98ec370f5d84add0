"""What a run of Experiment 10 is of: one model, one text, one way to ablate."""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ablation.assets.kept import code, kept
from ablation.assets.text import SourceText, TokenText, read_text, tokenise
from ablation.errors import InvalidInput
from ablation.metrics.perplexity import Bos, Perplexity
from ablation.models.model import Model
from ablation.models.registry import DTYPES, ModelSpec
from ablation.modes import MEAN, ZERO, BiasPolicy
from ablation.modes.description import described, mean_over_text
from ablation.prompts.turns import TokenizerBos, bos_of
from experiments.exp10.options import BOS_CHOICES, LONGEST_WINDOW, MODES, Exp10Options
from experiments.machine.environment import timestamp
from experiments.machine.provenance import provenance

if TYPE_CHECKING:
    from ablation.modes.protocol import Ablation

TOKENISED_BY = code(
    "ablation.assets.text",
    "ablation.models",
    "ablation.prompts.turns",
    "transformers==",
    "tokenizers==",
)

VERSION = 2
"""Of the documents and of what their figures mean; raised whenever either changes."""


@dataclass(frozen=True)
class Setting:
    """One model, text and ablation.

    Attributes:
        model: what is evaluated.
        text: the text its perplexity is measured on.
        window: tokens per window.
        mode: one of ``experiments.exp10.options.MODES``.
        bias: what zero ablation does to a value bias.
        bos: what windows begin with, if not with the text.
    """

    model: Model
    text: TokenText
    window: int
    mode: str
    bias: BiasPolicy
    bos: Bos | None = None

    @property
    def tag(self) -> str:
        """What its files are called after: the model, and whatever departs from its defaults."""
        spec, text, parts = self.model.spec, self.text, [self.model.spec.key]
        if self.mode != MODES[0]:
            parts.append(self.mode)
        elif self.bias is BiasPolicy.REMOVE:
            parts.append("zero_remove")
        usual = min(self.model.context, LONGEST_WINDOW)
        if (text.name, len(text.tokens), self.window) != (spec.text, spec.text_tokens, usual):
            parts.append(f"{text.label}_{len(text.tokens)}x{self.window}")
        if self.bos is not None:
            parts.append(f"bos_{self.bos_in}")
        dtype = self.model.dtype
        return "_".join(parts if dtype == DTYPES[0] else [*parts, dtype])

    @property
    def bos_in(self) -> str:
        """Which windows begin with a BOS, one of ``experiments.exp10.options.BOS_CHOICES``."""
        none, first, each = BOS_CHOICES
        if self.bos is None:
            return none
        return each if self.bos.each else first

    def describe_windows(self) -> dict[str, Any]:
        """How the text is cut."""
        return {"window": self.window, **({"bos": str(self.bos)} if self.bos else {})}

    @cached_property
    def ablation(self) -> "Ablation":
        """The ablation; a mean is taken over the text when something is ablated."""
        # Not above: what is stored is judged without torch.
        from ablation.modes.mean import mean_ablation
        from ablation.modes.redirected import REDIRECTED
        from ablation.modes.zero import ZeroAblation

        if self.mode == MEAN:
            model = self.model.loaded.model
            return mean_ablation(model, self.text.ids, window=self.window, bos=self.bos)
        if self.mode == ZERO:
            return ZeroAblation(bias=self.bias)
        return REDIRECTED[self.mode]()

    def describe_ablation(self) -> dict[str, str]:
        """What the ablation says of itself, without a model."""
        if self.mode == MEAN:
            of = mean_over_text(self.text.tokens, self.window, self.bos)
            return described(MEAN, mean_of=of)
        return described(self.mode, bias=self.bias)

    def key(self) -> dict[str, Any]:
        """What the results of this setting depend on, whichever heads are ablated."""
        return {
            **self.model.key(),
            "exp10": VERSION,
            "text_sha256": self.text.describe()["sha256"],
            **self.describe_windows(),
            "ablation": self.describe_ablation(),
        }

    def header(self, method: str, unablated: Perplexity) -> dict[str, Any]:
        """What every result file of the setting begins with."""
        return {
            "method": method,
            "model_key": self.model.spec.key,
            "model_name": self.model.spec.name,
            "layers": self.model.grid.layers,
            "heads_per_layer": self.model.grid.heads_per_layer,
            "text": {**self.text.describe(), **self.describe_windows()},
            "ablation": self.describe_ablation(),
            "timestamp": timestamp(),
            "unablated": {"ppl": unablated.value, **perplexity_document(unablated)},
        }

    def provenance(self, seconds: float | None = None) -> dict[str, Any]:
        """What the results were computed with, and how long that took."""
        return provenance(self.model, seconds)


def source_text(spec: ModelSpec, options: Exp10Options) -> SourceText:
    """The text of ``options``, or else the model's own; read before a model is loaded.

    Raises:
        InvalidInput: the file is unreadable or empty.
        AssetError, Unavailable: the text cannot be had.
    """
    return read_text(spec.text if options.text is None else options.text)


def build_setting(model: Model, source: SourceText, options: Exp10Options) -> Setting:
    """The setting that ``options`` ask for, on a model and a text.

    Raises:
        InvalidInput: the text is shorter than a window, the window beyond the model's context, or a
            BOS is asked for that the tokenizer has not.
    """
    given = options.max_tokens
    max_tokens = model.spec.text_tokens if given is None else given
    text, bos = _tokenised(model, source, max_tokens), _bos(model, options.bos)
    context = model.context
    window = options.window
    if window is None:
        # What the user cut the text to, a window may be cut to as well.
        window = min(context, LONGEST_WINDOW, max_tokens)
    elif window > context:
        raise InvalidInput(
            f"--window must be at most the model's context of {context} tokens, got {window}"
        )
    if len(text.tokens) + (len(bos.ids) if bos else 0) < window:
        raise InvalidInput(
            f"text {text.name} gives {len(text.tokens)} tokens (--max-tokens {max_tokens}), but a "
            f"window takes {window}: give a longer text, more --max-tokens or a smaller --window"
        )
    return Setting(model, text, window, options.mode, BiasPolicy(options.bias), bos)


def _tokenised(model: Model, source: SourceText, max_tokens: int) -> TokenText:
    """The text as the model sees it, tokenised once and kept."""
    content = hashlib.sha256(source.content.encode()).hexdigest()
    of = {"model_sha256": model.fingerprint, "text_sha256": content, "tokens": max_tokens}
    make = lambda: tokenise(source, model.loaded.tokenizer, max_tokens).tokens  # noqa: E731
    return TokenText(source.name, kept("text", of, TOKENISED_BY, make))


def _bos(model: Model, choice: str | None) -> Bos | None:
    """What windows begin with, by the user's choice or else as the tokenizer begins a text."""
    of = {"model_sha256": model.fingerprint}
    make = lambda: asdict(bos_of(model.loaded.tokenizer))  # noqa: E731
    found = TokenizerBos(**kept("bos", of, TOKENISED_BY, make))
    none, _, each = BOS_CHOICES
    if choice is None:
        choice = each if found.added else none
    if choice == none:
        return None
    if not found.ids:
        raise InvalidInput(
            f"--bos {choice} requires a tokenizer with a BOS, and that of {model.spec.key} has "
            "none: give --bos none"
        )
    return Bos(tuple(found.ids), choice == each)


def perplexity_document(perplexity: Perplexity) -> dict[str, Any]:
    """A perplexity as JSON, block by block of each window; ``perplexity_from`` reads it."""
    return {
        "block_nll_sums": [list(sums) for sums in perplexity.block_nll_sums],
        "block_counts": [list(counts) for counts in perplexity.block_counts],
    }


def perplexity_from(document: Mapping[str, Any]) -> Perplexity:
    """The perplexity in a document."""
    return Perplexity(
        *(
            tuple(map(tuple, document[key]))  # one tuple for each window
            for key in ("block_nll_sums", "block_counts")
        )
    )
