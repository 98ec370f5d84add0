"""The printed figures of Experiment 10 on GPT-2 small, and of its follow-up with mean ablation.

Protocol: WikiText-2 raw, validation, first 2048 tokens in two windows, value bias kept. ΔPPL are
fractions of the unablated perplexity. Two windows give no interval over text, and the report gives
none: what its figures leave open is their rounding, and what it did not print.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

GPT2 = "GPT-2 small"
FILE = Path(__file__).with_name("exp10_gpt2.json")
NO_INTERVAL = "two windows: the source has no interval over text, this one is its rounding"


@dataclass(frozen=True)
class Counts:
    """Of all heads ablated alone, in one mode.

    Attributes:
        below_1_percent, below_10_percent: heads with so small a |ΔPPL|.
        negative: heads with ΔPPL < 0.
        mean, median, largest: of ΔPPL.
        total: heads.
    """

    below_1_percent: int
    below_10_percent: int
    negative: int
    mean: float
    median: float
    largest: float
    total: int


@dataclass(frozen=True)
class Correlation:
    """Between a layer's mean ΔPPL and the slope of the penetration function."""

    pearson_r: float
    pearson_p: float
    spearman_rho: float
    spearman_p: float


@dataclass(frozen=True)
class MeanAblation:
    """The follow-up: a head's output replaced by its mean over the text.

    Attributes:
        counts: of all heads alone.
        largest: head -> ΔPPL under mean and under zero ablation, for the ten largest under mean.
        constant: the same for the head that hurts most under zero ablation.
        sign_flips: heads whose ΔPPL has another sign than under zero ablation.
        layer_means: mean ΔPPL of each layer.
        cumulative: heads removed, layer 0 spared -> perplexity.
        within: curve -> ratio -> most heads removed within it.
    """

    counts: Counts
    largest: Mapping[str, tuple[float, float]]
    constant: tuple[str, float, float]
    sign_flips: int
    layer_means: tuple[float, ...]
    cumulative: Mapping[int, float]
    within: Mapping[str, Mapping[float, int]]


@dataclass(frozen=True)
class Experiment10:
    """The report's figures.

    Attributes:
        layers, heads: of the model; heads per layer.
        unablated_ppl: perplexity with nothing ablated.
        largest: head -> ΔPPL and perplexity, the ten largest alone, in their order.
        helping: head -> ΔPPL, all that are negative.
        counts: of all heads alone.
        alpha, scale: of the report's fit of scale·rank^−alpha, least squares in linear space.
        cumulative: heads removed, ascending |ΔPPL| -> perplexity and its printed ratio.
        within: ratio -> the most heads removed within it, on the report's steps.
        layer_means, layer_maxima: of ΔPPL.
        correlation: with the penetration function.
        mean_ablation: the follow-up.
        helping_summed, helping_together, helping_ppl: ΔPPL of the heads that help, summed and
            ablated together, and the perplexity of the latter.
    """

    layers: int
    heads: int
    unablated_ppl: float
    largest: Mapping[str, tuple[float, float]]
    helping: Mapping[str, float]
    counts: Counts
    alpha: float
    scale: float
    cumulative: Mapping[int, tuple[float, float]]
    within: Mapping[float, int]
    layer_means: tuple[float, ...]
    layer_maxima: tuple[float, ...]
    correlation: Correlation
    mean_ablation: MeanAblation
    helping_summed: float
    helping_together: float
    helping_ppl: float

    @property
    def deltas(self) -> tuple[float, ...]:
        """The ten largest ΔPPL."""
        return tuple(delta for delta, _ in self.largest.values())


@cache
def experiment_10() -> Experiment10:
    """The report's figures."""
    document = json.loads(FILE.read_text(encoding="utf-8"))
    means, maxima = zip(*document["layers_mean_max"], strict=True)
    together = document["helping_together"]
    return Experiment10(
        **{key: document[key] for key in ("layers", "heads", "unablated_ppl")},
        largest=_rows(document["largest"]),
        helping=dict(document["helping"]),
        counts=_counts(document["statistics"]),
        alpha=document["fit"]["alpha"],
        scale=document["fit"]["scale"],
        cumulative=_rows(document["cumulative"]),
        within=_thresholds(document["within"]),
        layer_means=means,
        layer_maxima=maxima,
        correlation=Correlation(**document["correlation"]),
        mean_ablation=_mean_ablation(document["mean_ablation"]),
        helping_summed=together["sum_of_individual"],
        helping_together=together["joint"],
        helping_ppl=together["ppl"],
    )


def _mean_ablation(entry: Mapping[str, Any]) -> MeanAblation:
    return MeanAblation(
        counts=_counts(entry["statistics"]),
        largest=_rows(entry["largest"]),
        constant=tuple(entry["most_harmful_under_zero"]),
        sign_flips=entry["sign_flips"],
        layer_means=tuple(entry["layer_means"]),
        cumulative=dict(entry["cumulative_layer_0_protected"]),
        within={curve: _thresholds(found) for curve, found in entry["within"].items()},
    )


def _counts(entry: Mapping[str, Any]) -> Counts:
    return Counts(
        entry["abs_below_1pct"],
        entry["abs_below_10pct"],
        *(entry[key] for key in ("negative", "mean", "median", "max", "total")),
    )


def _rows(rows: list[list[Any]]) -> dict[Any, Any]:
    return {name: (first, second) for name, first, second in rows}


def _thresholds(found: Mapping[str, int]) -> dict[float, int]:
    return {float(ratio): count for ratio, count in found.items()}
