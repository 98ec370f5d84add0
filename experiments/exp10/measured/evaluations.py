"""Perplexities in one setting under sets of ablated heads, each computed once and stored at once.

A unit of the store for each set of heads: a run that is killed loses the evaluation it was in the
middle of, and several processes that want the same sweep share its work.
"""

import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from ablation.engine.head_sets import HeadSet
from ablation.errors import ComputationError
from ablation.heads import Head
from ablation.metrics.perplexity import Perplexity
from experiments.exp10.measured.setting import Setting, perplexity_document, perplexity_from
from experiments.machine.memory_errors import memory_errors
from experiments.machine.provenance import merged
from experiments.store import Computed, Document, Store, WorkUnit

if TYPE_CHECKING:
    from ablation.engine.sweep import Measurement

UNABLATED: HeadSet = ()

KIND = "perplexity"
FEW = 3


@dataclass
class Evaluations:
    """The evaluations of ``setting`` in ``store``.

    Attributes:
        setting: model, text and ablation.
        store: where they are kept.
        computed: how many sets this object has computed.
        seconds: the time that took.
    """

    setting: Setting
    store: Store
    computed: int = 0
    seconds: float = 0.0
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

    def perplexity(self, heads: Iterable[Head]) -> Perplexity:
        """The perplexity with ``heads`` ablated, known, stored or computed now.

        Raises:
            InvalidInput: a head is out of range or listed twice.
            ComputationError: it is not finite, or the device's memory does not suffice.
            ResultsError: it cannot be stored.
        """
        wanted = _sorted(heads)
        if not self._is_known(wanted):
            (measurement,) = self._measurements([wanted])
            self._evaluate(wanted, measurement.measure, wait=True)
        return self._known[wanted]

    def all(self, head_sets: Sequence[Iterable[Head]], described: str) -> list[Perplexity]:
        """The perplexities of many sets, in their order, with a progress bar.

        What another process is computing is left to it, and waited for at the end.

        Args:
            head_sets: each a set of heads to ablate together.
            described: what the progress bar says.

        Raises:
            InvalidInput, ComputationError, ResultsError: as ``perplexity``.
        """
        wanted = [_sorted(heads) for heads in head_sets]
        with tqdm(total=len(wanted), desc=described, unit="set", delay=1, disable=None) as bar:
            missing = [heads for heads in dict.fromkeys(wanted) if not self._is_known(heads)]
            bar.update(len(wanted) - len(missing))
            self.store.announce(self.unit(heads) for heads in missing)
            for measurement in self._measurements(missing):
                heads = missing[measurement.members[0]]
                bar.update(self._evaluate(heads, measurement.measure, wait=False))
            for heads in missing:
                if heads not in self._known:
                    self.perplexity(heads)
                    bar.update()
        return [self._known[heads] for heads in wanted]

    def _is_known(self, heads: HeadSet) -> bool:
        """Whether the perplexity need not be computed; it is then in ``_known``."""
        if heads not in self._known:
            self._know(heads, self.store.find(self.unit(heads)))
        return heads in self._known

    def _know(self, heads: HeadSet, found: Document | None) -> bool:
        if found is not None:
            self._known[heads] = perplexity_from(found.result)
            self._provenances.append(found.provenance)
        return found is not None

    def _measurements(self, head_sets: Sequence[HeadSet]) -> "Iterator[Measurement]":
        if not head_sets:
            return  # nothing for which a model would have to be loaded
        setting = self.setting
        loaded = setting.model.loaded
        with memory_errors():  # some ablations run the model before the first measurement
            yield from loaded.engine.perplexities(
                loaded.model,
                setting.text.ids,
                head_sets,
                setting.ablation,
                window=setting.window,
                bos=setting.bos,
            )

    def _evaluate(self, heads: HeadSet, measure: Callable[[], Perplexity], *, wait: bool) -> bool:
        """Measures and stores; False, and nothing known, where another process is at it."""
        compute = lambda: self._compute(heads, measure)  # noqa: E731
        return self._know(heads, self.store.once(self.unit(heads), compute, wait=wait))

    def _compute(self, heads: HeadSet, measure: Callable[[], Perplexity]) -> Computed:
        started = time.perf_counter()
        with memory_errors():
            found = measure()
        if not math.isfinite(found.value):
            named = " ".join(map(str, heads)) or "unablated"
            raise ComputationError(
                f"{named}: the perplexity is {found.value} ({found.nll:.0f} nats per "
                "token), and a finite one is required: check the model and its --dtype"
            )
        self.computed += 1
        self.seconds += (seconds := time.perf_counter() - started)
        return perplexity_document(found), self.setting.provenance(seconds)


def _sorted(heads: Iterable[Head]) -> HeadSet:
    return tuple(sorted(heads))
