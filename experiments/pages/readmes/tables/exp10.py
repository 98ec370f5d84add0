"""Blocks on Experiment 10 on the embedded model: its baselines."""

from collections.abc import Mapping
from statistics import fmean
from typing import Any

from experiments.pages.readmes.markdown import percent, signed, table
from experiments.pages.readmes.stored import Stored

FOLDER = "baselines/exp10/smollm2"
ZERO, MEAN = f"{FOLDER}/individual-zero.json", f"{FOLDER}/individual-mean.json"
LAYERS, HEADS = 5, 6
"""How many of the first in each table are shown."""


def setting(stored: Stored) -> str:
    """What was measured on."""
    found = stored.document(ZERO)
    text = found["text"]
    return (
        f"Text: the first {text['tokens']} tokens of `{text['name']}`, in windows of "
        f"{found['window']}. Unablated perplexity: {found['unablated_ppl']:.2f}. "
        f"Heads: {len(found['ppl'])}."
    )


def layers(stored: Stored) -> str:
    """The layers whose heads cost most on average."""
    by_layer: dict[int, dict[str, float]] = {}
    for name, change in _changes(stored, ZERO).items():
        layer = int(name[1:].partition("H")[0])
        by_layer.setdefault(layer, {})[name] = change
    total = sum(abs(change) for heads in by_layer.values() for change in heads.values())
    order = sorted(by_layer, key=lambda layer: -fmean(by_layer[layer].values()))
    rows = []
    for layer in order[:LAYERS]:
        heads = by_layer[layer]
        others = [
            change for other, of in by_layer.items() if other != layer for change in of.values()
        ]
        largest = max(heads, key=heads.__getitem__)
        mean = fmean(heads.values())
        rows.append(
            (
                str(layer),
                signed(mean),
                f"{mean / fmean(others):.1f}×",
                f"{largest} {signed(heads[largest])}",
                percent(sum(map(abs, heads.values())) / total, 0),
            )
        )
    head = ("layer", "mean ΔPPL", "of the others' mean", "largest head", "share of all |ΔPPL|")
    return table(head, rows)


def largest(stored: Stored) -> str:
    """The heads that cost most when zeroed, and what their mean in place of zero leaves of it."""
    zero, mean = _changes(stored, ZERO), _changes(stored, MEAN)
    order = sorted(zero, key=lambda name: -abs(zero[name]))
    rows = [
        (name, signed(zero[name]), signed(mean[name], 2), percent(abs(mean[name] / zero[name])))
        for name in order[:HEADS]
    ]
    return table(("head", "ΔPPL, zero", "ΔPPL, mean", "left by the mean"), rows)


def removal(stored: Stored) -> str:
    """How many heads can go together before a perplexity is exceeded."""
    found = stored.document(f"{FOLDER}/cumulative-zero.json")
    total = len(stored.document(ZERO)["ppl"])
    rows = [
        (f"{ratio}×", str(count), percent(count / total))
        for ratio, count in found["within"].items()
    ]
    return table(("perplexity within", "heads gone", "of all"), rows)


def _changes(stored: Stored, name: str) -> Mapping[str, float]:
    """Head -> ΔPPL, a fraction."""
    found: Mapping[str, Any] = stored.document(name)
    unablated = found["unablated_ppl"]
    return {head: ppl / unablated - 1 for head, ppl in found["ppl"].items()}
