"""Perplexities in one setting under sets of ablated heads, each computed once and stored at once.

A unit of the store for each set of heads: a run that is killed loses the evaluation it was in the
middle of, and several processes that want the same sweep share its work.
"""

import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any

from ablation.engine.head_sets import HeadSet
from ablation.errors import ComputationError
from ablation.heads import Head
from ablation.metrics.perplexity import Perplexity
from experiments.exp10.measured.setting import Setting, perplexity_document, perplexity_from
from experiments.machine.memory_errors import memory_errors
from experiments.machine.provenance import merged
from experiments.store import Computed, Store, WorkUnit
from experiments.store.work import Compute

UNABLATED: HeadSet = ()

KIND = "perplexity"
FEW = 3


@dataclass(frozen=True)
class PerplexitiesOf:
    """Measures perplexities in a setting; under which heads, the units say.

    Attributes:
        setting: model, text and ablation.
    """

    setting: Setting

    def __call__(self, units: Sequence[WorkUnit]) -> Iterator[tuple[WorkUnit, Compute]]:
        """Raises ComputationError, as ``Evaluations.perplexity``."""
        setting = self.setting
        loaded = setting.model.loaded
        head_sets = [tuple(map(Head.parse, unit.key["heads"])) for unit in units]
        with memory_errors():  # some ablations run the model before the first measurement
            for measurement in loaded.engine.perplexities(
                loaded.model,
                setting.text.ids,
                head_sets,
                setting.ablation,
                window=setting.window,
                bos=setting.bos,
            ):
                place = measurement.members[0]
                yield units[place], partial(self.measured, head_sets[place], measurement.measure)

    def measured(self, heads: HeadSet, measure: Callable[[], Perplexity]) -> Computed:
        """Measures one of them.

        Raises:
            ComputationError: it is not finite, or the device's memory does not suffice.
        """
        started = time.perf_counter()
        with memory_errors():
            found = measure()
        if not math.isfinite(found.value):
            named = " ".join(map(str, heads)) or "unablated"
            raise ComputationError(
                f"{named}: the perplexity is {found.value} ({found.nll:.0f} nats per "
                "token), and a finite one is required: check the model and its --dtype"
            )
        seconds = time.perf_counter() - started
        return perplexity_document(found), self.setting.provenance(seconds)


@dataclass
class Evaluations:
    """The evaluations of ``setting`` in ``store``.

    Attributes:
        setting: model, text and ablation.
        store: where they are kept.
    """

    setting: Setting
    store: Store
    _known: dict[HeadSet, Perplexity] = field(default_factory=dict)
    _provenances: list[Mapping[str, Any]] = field(default_factory=list)

    @cached_property
    def key(self) -> dict[str, Any]:
        """What the evaluations are of; the set of heads is added for each."""
        return self.setting.key()

    def unit(self, heads: HeadSet) -> WorkUnit:
        """The evaluation under ``heads``, sorted."""
        names = [str(head) for head in heads]
        few = " ".join(names) if len(names) <= FEW else f"{len(names)} heads"
        label = f"perplexity, {self.setting.mode} of {few or 'no head'}"
        return WorkUnit(KIND, {**self.key, "heads": names}, label)

    def provenance(self) -> dict[str, Any]:
        """How the evaluations that were asked for so far came about."""
        return merged(self._provenances)

    @property
    def seconds(self) -> list[float]:
        """Of each evaluation that was asked for here and computed by this run."""
        run = self.store.run.name
        return [one["seconds"] for one in self._provenances if one["run"] == run]

    def perplexity(self, heads: Iterable[Head]) -> Perplexity:
        """The perplexity with ``heads`` ablated, known, stored or computed now.

        Raises:
            InvalidInput: a head is out of range or listed twice.
            ComputationError: it is not finite, or the device's memory does not suffice.
            ResultsError: it cannot be stored.
        """
        (found,) = self.all([heads])
        return found

    def all(self, head_sets: Sequence[Iterable[Head]]) -> list[Perplexity]:
        """The perplexities of many sets, in their order.

        What another process is computing is left to it, and waited for at the end.

        Args:
            head_sets: each a set of heads to ablate together.

        Raises:
            InvalidInput, ComputationError, ResultsError: as ``perplexity``.
        """
        wanted = [_sorted(heads) for heads in head_sets]
        unknown = [heads for heads in dict.fromkeys(wanted) if heads not in self._known]
        units = [self.unit(heads) for heads in unknown]
        found = self.store.each(units, PerplexitiesOf(self.setting))
        for heads, document in zip(unknown, found, strict=True):
            self._known[heads] = perplexity_from(document.result)
            self._provenances.append(document.provenance)
        return [self._known[heads] for heads in wanted]


def _sorted(heads: Iterable[Head]) -> HeadSet:
    return tuple(sorted(heads))
