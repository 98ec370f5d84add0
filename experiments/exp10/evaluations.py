"""Perplexities in one setting under sets of ablated heads, each computed once and stored at once.

A file per set of heads, written whole when it is known: a run that is killed loses the evaluation
it was in the middle of, and several processes that want the same sweep share its work.
"""

import hashlib
import json
import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from tqdm import tqdm

from ablation.engine.head_sets import HeadSet
from ablation.engine.sweep import Measurement
from ablation.errors import ComputationError
from ablation.heads import Head
from ablation.perplexity import Perplexity
from experiments.exp10.setting import Setting, perplexity_document, perplexity_from
from experiments.stored import Stored

UNABLATED: HeadSet = ()


@dataclass
class Evaluations:
    """The evaluations of ``setting`` under ``results``.

    Attributes:
        setting: model, text and ablation.
        results: folder of the results; the evaluations lie in ``evaluations`` below it.
        fresh: compute each set anew, once, even if it is stored.
        computed: how many sets this object has computed.
        seconds: the time that took.
    """

    setting: Setting
    results: Path
    fresh: bool = False
    computed: int = 0
    seconds: float = 0.0
    _known: dict[HeadSet, Perplexity] = field(default_factory=dict)

    @cached_property
    def identity(self) -> dict[str, Any]:
        """What the evaluations are of; the set of heads is added for each."""
        return self.setting.identity()

    @cached_property
    def folder(self) -> Path:
        """Other studies have other folders, so that changing back and forth loses nothing."""
        text = json.dumps(self.identity, sort_keys=True)
        digest = hashlib.sha256(text.encode()).hexdigest()
        return self.results / "evaluations" / f"{self.setting.tag}-{digest[:12]}"

    def perplexity(self, heads: Iterable[Head]) -> Perplexity:
        """The perplexity with ``heads`` ablated, known, stored or computed now.

        Raises:
            InvalidInput: a head is out of range or listed twice.
            ComputationError: it is not finite.
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
        if heads not in self._known and not self.fresh:
            document = self._stored(heads).read()
            if document is not None:
                self._known[heads] = perplexity_from(document)
        return heads in self._known

    def _measurements(self, head_sets: Sequence[HeadSet]) -> Iterator[Measurement]:
        setting = self.setting
        loaded = setting.loaded
        return loaded.engine.perplexities(
            loaded.model, setting.text.ids, head_sets, setting.ablation, window=setting.window
        )

    def _evaluate(self, heads: HeadSet, measure: Callable[[], Perplexity], *, wait: bool) -> bool:
        """Measures and stores; False, and nothing known, where another process is at it."""
        document = self._stored(heads).once(
            lambda: self._compute(heads, measure), fresh=self.fresh, wait=wait
        )
        if document is not None:
            self._known[heads] = perplexity_from(document)
        return document is not None

    def _stored(self, heads: HeadSet) -> Stored:
        return Stored(self.folder / f"{_name(heads)}.json", self._identity_of(heads))

    def _identity_of(self, heads: HeadSet) -> dict[str, Any]:
        return {**self.identity, "heads": [str(head) for head in heads]}

    def _compute(self, heads: HeadSet, measure: Callable[[], Perplexity]) -> dict[str, Any]:
        started = time.perf_counter()
        found = measure()
        seconds = time.perf_counter() - started
        if not math.isfinite(found.value):
            raise ComputationError(
                f"{_name(heads)}: the perplexity is {found.value} ({found.nll:.0f} nats per "
                "token), and a finite one is required: check the model and its --dtype"
            )
        self.computed += 1
        self.seconds += seconds
        return {**perplexity_document(found), "seconds": round(seconds, 3)}


def _sorted(heads: Iterable[Head]) -> HeadSet:
    return tuple(sorted(heads))


def _name(heads: HeadSet) -> str:
    """A file name: short for a head alone, a hash for many."""
    if len(heads) < 2:
        return str(heads[0]) if heads else "unablated"
    digest = hashlib.sha256(" ".join(map(str, heads)).encode()).hexdigest()
    return f"{len(heads)}-heads-{digest[:16]}"
