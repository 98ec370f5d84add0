"""Does the suite say yes only when it should? Claims B5 and B8 on models whose heads are known.

Two GPT-2 are planted (``ablation.models.planted.words``). In one, two heads do the same work, and a
head of layer 0 writes a constant: B5 and B8 hold. In the other each head has a word of its own, so
that together they cost no more than in sum, and no head is a constant: neither holds.

An ablator that takes other heads may reproduce both claims, which are about no head in particular:
what finds it out is the name of the constant head.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ablation.assets.text import TokenText
from ablation.heads import Head
from ablation.metrics.perplexity import Perplexity
from ablation.models.model import Model, open_model
from ablation.models.planted.words import (
    CONSTANT,
    REDUNDANT,
    SHARED_OUT,
    model_of_words,
    text_of_words,
)
from ablation.models.registry import model_spec
from ablation.modes import MEAN, ZERO, BiasPolicy
from experiments.claims import CLAIMS
from experiments.claims.exp10_study import CHEAP
from experiments.exp10.evidence import beyond_single_effects, mean_minus_zero, share_left_by_mean
from experiments.exp10.measured.evaluations import Evaluations
from experiments.exp10.measured.individual import Sweep, sweep
from experiments.exp10.measured.noise import perplexity_noise
from experiments.exp10.measured.setting import Setting
from experiments.judging.check import Check
from experiments.judging.verdict import Verdict, combine, judge
from experiments.store import Store

WINDOW, WINDOWS = 64, 12
"""The windows are the units of the intervals."""

Taken = Callable[[Iterable[Head]], Iterable[Head]]
"""The heads that are asked for -> the heads that an ablator takes."""


class _TakesOthers(Evaluations):
    """Evaluations by an ablator that takes other heads than those it is asked for."""

    taken: Taken

    def all(self, head_sets: Iterable[Iterable[Head]]) -> list[Perplexity]:
        return super().all([tuple(self.taken(heads)) for heads in head_sets])


@dataclass(frozen=True)
class Judged:
    """What is judged of a planted model.

    Attributes:
        model: it.
        store: where its perplexities are kept.
        taken: what the ablator makes of the heads it is asked for.
    """

    model: Model
    store: Store
    taken: Taken = tuple

    def evaluations(self, mode: str) -> Evaluations:
        """Those of the text of words, which has no bias to keep."""
        text = TokenText("words", text_of_words(WINDOW * WINDOWS // 2))
        setting = Setting(self.model, text, WINDOW, mode, BiasPolicy.KEEP)
        found = _TakesOthers(setting, self.store)
        found.taken = self.taken
        return found

    @cached_property
    def zero(self) -> Sweep:
        """Every head alone, zeroed."""
        return sweep(self.evaluations(ZERO))

    @cached_property
    def mean(self) -> Sweep:
        """Every head alone, its mean in its place."""
        return sweep(self.evaluations(MEAN))

    @property
    def largest(self) -> Head:
        """The head that hurts most when it is zeroed."""
        return max(self.zero.deltas, key=self.zero.delta)

    def b5(self) -> Verdict:
        """Whether the heads that are cheap alone cost more together."""
        evaluations, alone = self.evaluations(ZERO), self.zero.within(CHEAP)
        noise = 2 * perplexity_noise(evaluations)["noise"]
        together = evaluations.perplexity(alone)
        found = beyond_single_effects(self.zero, alone, together, noise, "")
        return judge(CLAIMS["B5"].criterion(), found)

    def b8(self) -> Verdict:
        """Whether means are milder, and the head that hurts most is a constant."""
        parts = {"milder": mean_minus_zero, "constant": share_left_by_mean}
        criteria = CLAIMS["B8"].criteria
        return combine(
            judge(criteria[part], of(self.zero, self.mean)) for part, of in parts.items()
        )


def checks(folder: Path, store: Store, taken: Taken = tuple) -> Iterator[Check]:
    """All checks, one after the other.

    Args:
        folder: an empty one, for the models.
        store: where results are kept meanwhile.
        taken: what the ablator makes of the heads it is asked for.
    """
    redundant, shared = (
        Judged(open_model(model_spec(str(model_of_words(folder / name, work)))), store, taken)
        for name, work in (("redundant", REDUNDANT), ("shared", SHARED_OUT))
    )
    found = redundant.b5()
    yield Check("B5 of two heads of which either suffices", found, found is Verdict.REPRODUCED)
    found = shared.b5()
    yield Check("B5 of heads that each have a word", found, found is Verdict.NOT_REPRODUCED)
    found, head = redundant.b8(), redundant.largest
    asked = f"B8 of a head that writes a constant, {CONSTANT}"
    yield Check(asked, f"{found}, of {head}", found is Verdict.REPRODUCED and head == CONSTANT)
    found = shared.b8()
    yield Check("B8 where no head does", found, found is Verdict.NOT_REPRODUCED)
