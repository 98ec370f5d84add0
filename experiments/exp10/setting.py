"""What a run of Experiment 10 is of: one model, one text, one way to ablate."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ablation.assets.text import SourceText, TokenText, read_text, tokenise
from ablation.errors import InvalidInput
from ablation.metrics.perplexity import Perplexity
from ablation.models.loading import LoadedModel
from ablation.models.registry import DTYPES, ModelSpec
from ablation.modes import REDIRECTED, ZeroAblation
from ablation.modes.mean import mean_ablation
from ablation.modes.protocol import Ablation, BiasPolicy
from experiments.environment import timestamp
from experiments.exp10.options import LONGEST_WINDOW, MODES, Exp10Options
from experiments.provenance import model_key, provenance

VERSION = 2
"""Of the documents and of what their figures mean; raised whenever either changes."""


@dataclass(frozen=True)
class Setting:
    """One model, text and ablation.

    Attributes:
        loaded: the model.
        text: the text its perplexity is measured on.
        window: tokens per window.
        mode: one of ``experiments.exp10.options.MODES``.
        bias: what zero ablation does to a value bias.
    """

    loaded: LoadedModel
    text: TokenText
    window: int
    mode: str
    bias: BiasPolicy

    @property
    def tag(self) -> str:
        """What its files are called after: the model, and whatever departs from its defaults."""
        spec, text, parts = self.loaded.spec, self.text, [self.loaded.spec.key]
        if self.mode != MODES[0]:
            parts.append(self.mode)
        elif self.bias is BiasPolicy.REMOVE:
            parts.append("zero_remove")
        usual = min(self.loaded.model.config.max_position_embeddings, LONGEST_WINDOW)
        if (text.name, text.ids.numel(), self.window) != (spec.text, spec.text_tokens, usual):
            parts.append(f"{text.label}_{text.ids.numel()}x{self.window}")
        dtype = str(self.loaded.model.dtype).removeprefix("torch.")
        return "_".join(parts if dtype == DTYPES[0] else [*parts, dtype])

    @cached_property
    def ablation(self) -> Ablation:
        """The ablation; a mean is taken over the text when something is ablated."""
        if self.mode == "mean":
            return mean_ablation(self.loaded.model, self.text.ids, window=self.window)
        if self.mode in REDIRECTED:
            return REDIRECTED[self.mode]()
        return ZeroAblation(bias=self.bias)

    def key(self) -> dict[str, Any]:
        """What the results of this setting depend on, whichever heads are ablated."""
        return {
            **model_key(self.loaded),
            "exp10": VERSION,
            "text_sha256": self.text.describe()["sha256"],
            "window": self.window,
            "ablation": self.ablation.describe(),
        }

    def header(self, method: str, unablated: Perplexity) -> dict[str, Any]:
        """What every result file of the setting begins with."""
        return {
            "method": method,
            "model_key": self.loaded.spec.key,
            "model_name": self.loaded.spec.name,
            "layers": self.loaded.grid.layers,
            "heads_per_layer": self.loaded.grid.heads,
            "text": {**self.text.describe(), "window": self.window},
            "ablation": self.ablation.describe(),
            "timestamp": timestamp(),
            "unablated": {"ppl": unablated.value, **perplexity_document(unablated)},
        }

    def provenance(self, seconds: float | None = None) -> dict[str, Any]:
        """What the results were computed with, and how long that took."""
        return provenance(self.loaded, seconds)


def source_text(spec: ModelSpec, options: Exp10Options) -> SourceText:
    """The text of ``options``, or else the model's own; read before a model is loaded.

    Raises:
        InvalidInput: the file is unreadable or empty.
        AssetError, Unavailable: the text cannot be had.
    """
    return read_text(spec.text if options.text is None else options.text)


def build_setting(loaded: LoadedModel, source: SourceText, options: Exp10Options) -> Setting:
    """The setting that ``options`` ask for, on a loaded model and a text.

    Raises:
        InvalidInput: the text is shorter than a window, or the window beyond the model's context.
    """
    given = options.max_tokens
    max_tokens = loaded.spec.text_tokens if given is None else given
    text = tokenise(source, loaded.tokenizer, max_tokens)
    context = loaded.model.config.max_position_embeddings
    window = options.window
    if window is None:
        # What the user cut the text to, a window may be cut to as well.
        window = min(context, LONGEST_WINDOW, max_tokens)
    elif window > context:
        raise InvalidInput(
            f"--window must be at most the model's context of {context} tokens, got {window}"
        )
    if text.ids.numel() < window:
        raise InvalidInput(
            f"text {text.name} gives {text.ids.numel()} tokens (--max-tokens {max_tokens}), but a "
            f"window takes {window}: give a longer text, more --max-tokens or a smaller --window"
        )
    return Setting(loaded, text, window, options.mode, BiasPolicy(options.bias))


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
