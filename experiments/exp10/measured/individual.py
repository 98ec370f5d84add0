"""Part 10A: every head ablated alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ablation.heads import Head
from ablation.metrics.paired_perplexity import delta_ppl, delta_ppl_interval
from ablation.metrics.perplexity import Perplexity
from experiments.exp10.measured.evaluations import UNABLATED, Evaluations


@dataclass(frozen=True)
class Sweep:
    """The perplexity with each head ablated alone.

    Attributes:
        unablated: with none.
        ablated: head -> perplexity, all heads of the model in grid order.
    """

    unablated: Perplexity
    ablated: Mapping[Head, Perplexity]

    def delta(self, head: Head) -> float:
        """ΔPPL of ``head`` alone, a fraction."""
        return delta_ppl(self.unablated, self.ablated[head])

    @property
    def deltas(self) -> dict[Head, float]:
        """Head -> ΔPPL, in grid order."""
        return {head: self.delta(head) for head in self.ablated}

    def by_magnitude(self) -> list[Head]:
        """Least |ΔPPL| first; ties in grid order."""
        deltas = self.deltas
        return sorted(deltas, key=lambda head: abs(deltas[head]))

    def by_sign(self) -> list[Head]:
        """Least ΔPPL first: those whose ablation helps, then the others."""
        deltas = self.deltas
        return sorted(deltas, key=deltas.__getitem__)

    def largest(self, count: int) -> list[Head]:
        """The heads of the largest |ΔPPL|, largest first."""
        return self.by_magnitude()[::-1][:count]

    def helping(self) -> list[Head]:
        """The heads whose ablation lowers the perplexity, the one that helps most first."""
        return [head for head in self.by_sign() if self.delta(head) < 0]

    def within(self, bound: float) -> list[Head]:
        r"""The heads with \|ΔPPL\| < ``bound``, least first."""
        return [head for head in self.by_magnitude() if abs(self.delta(head)) < bound]

    def of_layer(self, layer: int) -> list[float]:
        """ΔPPL of the heads of a layer."""
        return [delta for head, delta in self.deltas.items() if head.layer == layer]


def sweep(evaluations: Evaluations) -> Sweep:
    """Ablates every head of the model alone.

    Raises:
        ComputationError, ResultsError: as ``Evaluations.perplexity``.
    """
    heads = list(evaluations.setting.model.grid)
    sets: Sequence[tuple[Head, ...]] = [UNABLATED, *((head,) for head in heads)]
    unablated, *ablated = evaluations.all(sets)
    return Sweep(unablated, dict(zip(heads, ablated, strict=True)))


def individual_document(evaluations: Evaluations, result: Sweep) -> dict[str, Any]:
    """The document of ``exp10a_{tag}.json``; per-window NLL sums in nats."""
    setting = evaluations.setting
    return {
        **setting.header("exp10a", result.unablated),
        "heads": [
            {
                "head": str(head),
                "layer": head.layer,
                "index": head.head,
                "ppl": ablated.value,
                "delta_ppl": result.delta(head),
                "interval": delta_ppl_interval(result.unablated, ablated),
                "window_nll_sums": list(ablated.window_nll_sums),
                "block_nll_sums": [list(sums) for sums in ablated.block_nll_sums],
            }
            for head, ablated in result.ablated.items()
        ],
        "key": evaluations.key,
        "provenance": evaluations.provenance(),
    }
