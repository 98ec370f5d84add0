"""Perplexities in one setting under sets of ablated heads, each computed once and stored at once.

A file per set of heads, written whole when it is known: a run that is killed loses the evaluation
it was in the middle of, and several processes that want the same sweep share its work.
"""

import hashlib
import json
import math
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from tqdm import tqdm

from ablation.ablator import HeadAblator
from ablation.errors import ComputationError
from ablation.heads import Head
from ablation.perplexity import Perplexity, perplexity
from experiments.exp10.setting import Setting, perplexity_document, perplexity_from
from experiments.stored import Stored

HeadSet = tuple[Head, ...]
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
        found = self._evaluate(_sorted(heads), wait=True)
        assert found is not None
        return found

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
            left = []
            for heads in wanted:
                if self._evaluate(heads, wait=False) is None:
                    left.append(heads)
                else:
                    bar.update()
            for heads in left:
                self._evaluate(heads, wait=True)
                bar.update()
        return [self._known[heads] for heads in wanted]

    def _evaluate(self, heads: HeadSet, *, wait: bool) -> Perplexity | None:
        if heads in self._known:
            return self._known[heads]
        stored = Stored(self.folder / f"{_name(heads)}.json", self._identity_of(heads))
        document = None if self.fresh else stored.read()
        if document is None:
            document = stored.once(lambda: self._compute(heads), fresh=self.fresh, wait=wait)
        if document is None:
            return None
        self._known[heads] = perplexity_from(document)
        return self._known[heads]

    def _identity_of(self, heads: HeadSet) -> dict[str, Any]:
        return {**self.identity, "heads": [str(head) for head in heads]}

    def _compute(self, heads: HeadSet) -> dict[str, Any]:
        setting, started = self.setting, time.perf_counter()
        with HeadAblator(setting.loaded.model, heads, setting.ablation):
            found = perplexity(setting.loaded.model, setting.text.ids, window=setting.window)
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
