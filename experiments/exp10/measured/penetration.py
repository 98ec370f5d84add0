"""The penetration function g(l/L): how deep in the model the sense of an ambiguous word is settled.

For a word with two senses A and B and graded contexts of each,

    e    = unit vector of mean(r_L | A contexts) − mean(r_L | B contexts)
    σ(l) = cos(r_l, e),                     l = 0 … L, one for each context
    h    = σ(L) / max |σ(L)|                over the contexts
    f(l) = slope of σ(l) on h over the contexts (least squares with an intercept)
    g_w  = f / max_l f,   g = mean of g_w over the words

where r_l is the residual stream at the word after l layers, r_L that after the last and before the
final normalisation. g runs from about 0 (the token alone tells no sense; exactly 0 at l = 0 in a
model without learned positions) towards 1.

Relative to the source: the contexts are a choice. The source has its own for the nine words, in
``src/prompts.py`` of himanushi/semantic-phase-transition; ours are in ``contexts.toml``, and g
depends on them. A word of several tokens is read at its last one; in GPT-2 and SmolLM2 each of the
nine is one token. Contexts get the special tokens that the tokenizer adds by itself: a BOS on
Llama-3, none on those two.
"""

import hashlib
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import scipy
from jaxtyping import Float

from ablation.errors import ComputationError
from ablation.models.model import Model
from experiments.machine.provenance import provenance
from experiments.store import Computed, Store, WorkUnit

CONTEXTS = Path(__file__).with_name("contexts.toml")
KIND = "penetration"
VERSION = 1
"""Of the formula above; raised whenever a change of it changes g."""


class UndefinedPenetration(ComputationError):
    """The model does not tell the senses of a word apart, so that g has no meaning."""


def formula() -> dict[str, Any]:
    """What any stored g must share with this module to be used again."""
    contexts = hashlib.sha256(CONTEXTS.read_bytes()).hexdigest()
    return {"version": VERSION, "contexts_sha256": contexts}


@dataclass(frozen=True)
class AmbiguousWord:
    """A word of two senses with graded contexts of each; see ``contexts.toml``."""

    word: str
    sense_a: str
    sense_b: str
    contexts_a: Sequence[str]
    contexts_b: Sequence[str]


@cache
def ambiguous_words() -> tuple[AmbiguousWord, ...]:
    """The source's nine words with our contexts."""
    entries = tomllib.loads(CONTEXTS.read_text(encoding="utf-8"))["words"]
    return tuple(AmbiguousWord(**entry) for entry in entries)


def penetration(model: Model, store: Store) -> dict[str, Any]:
    """G of a model, stored or computed now.

    Returns:
        ``g``: L + 1 values; ``words``: word -> its own L + 1 values; ``provenance``.

    Raises:
        UndefinedPenetration: the senses of a word do not differ, or a state is not finite.
        ResultsError: it cannot be stored.
    """
    unit = WorkUnit(KIND, {**model.key(), **formula()}, "g, word by word")
    document = store.once(unit, partial(_measure, model))
    if "undefined" in document.result:
        raise UndefinedPenetration(document.result["undefined"])
    return {**document.result, "provenance": dict(document.provenance)}


def correlation(layer_means: Sequence[float], g: Sequence[float]) -> dict[str, Any]:
    """Pearson and Spearman between layer-mean ΔPPL and dg/d(l/L).

    Args:
        layer_means: mean ΔPPL of the heads of each of L layers.
        g: after 0 … L layers.

    Returns:
        ``slope``: dg/d(l/L) across each layer, L·(g(l+1) − g(l)); r, ρ and their two-sided p. All
        None where one of the two series is constant or there are fewer than three layers.
    """
    slope = np.diff(g) * len(layer_means)
    result: dict[str, Any] = {"slope": slope.tolist()}
    if len(layer_means) < 3 or np.ptp(slope) == 0 or np.ptp(layer_means) == 0:
        return result | dict.fromkeys(("pearson_r", "pearson_p", "spearman_rho", "spearman_p"))
    pearson = scipy.stats.pearsonr(layer_means, slope)
    spearman = scipy.stats.spearmanr(layer_means, slope)
    return result | {
        "pearson_r": float(pearson.statistic),
        "pearson_p": float(pearson.pvalue),
        "spearman_rho": float(spearman.statistic),
        "spearman_p": float(spearman.pvalue),
    }


def word_penetration(
    residuals_a: Float[np.ndarray, "contexts points hidden"],
    residuals_b: Float[np.ndarray, "contexts points hidden"],
) -> Float[np.ndarray, " points"]:
    """g_w, given the residual stream at the word after 0 … L layers under both senses.

    Raises:
        UndefinedPenetration: the senses do not differ in the last layer, or a value is not finite.
    """
    direction = residuals_a[:, -1].mean(0) - residuals_b[:, -1].mean(0)
    length = np.linalg.norm(direction)
    if not np.isfinite(length) or length == 0:
        raise UndefinedPenetration(
            "the residual stream of the last layer does not tell two senses of a word apart "
            f"(distance {length}): g is not defined for this model"
        )
    residuals = np.concatenate([residuals_a, residuals_b])
    sigma = residuals @ (direction / length) / np.linalg.norm(residuals, axis=-1)
    strength = sigma[:, -1] / np.abs(sigma[:, -1]).max()
    centred = strength - strength.mean()
    slopes = centred @ (sigma - sigma.mean(0)) / (centred @ centred)
    # The last is positive, so the largest is.
    return slopes / slopes.max()


def _measure(model: Model) -> Computed:
    from experiments.exp10.measured.residuals import word_residuals  # imports torch

    loaded = model.loaded
    try:
        by_word = {
            word.word: word_penetration(
                word_residuals(loaded, word.contexts_a, word.word),
                word_residuals(loaded, word.contexts_b, word.word),
            )
            for word in ambiguous_words()
        }
    except UndefinedPenetration as error:  # a finding about the model like any other
        return {"undefined": str(error)}, provenance(model)
    mean = np.mean(list(by_word.values()), axis=0)
    words = {word: g.tolist() for word, g in by_word.items()}
    return {"g": mean.tolist(), "words": words}, provenance(model)
