"""A sample of a bundle computed anew: what the bundle says, and what this machine finds.

Nothing but the sampled units is computed; whatever they depend on, a ranking say, is the bundle's.
"""

from dataclasses import dataclass
from pathlib import Path

from experiments.store.audit.measures import ANYTHING, MEASURES, Measure
from experiments.store.audit.power import (
    SURELY,
    chance_to_find,
    units_to_find,
    wrong_units,
)
from experiments.store.bundle import Bundle
from experiments.store.documents import Document
from experiments.store.listing import paths
from experiments.store.reading import read_document


@dataclass(frozen=True)
class Compared:
    """One kind of the sampled units, computed anew.

    Attributes:
        kind: of result.
        measure: how results are compared.
        units: how many were.
        largest: the largest difference.
        beyond: digests of the units whose difference is beyond the tolerance.
    """

    kind: str
    measure: Measure
    units: int
    largest: float
    beyond: tuple[str, ...]

    def __str__(self) -> str:
        return (
            f"{self.kind}: {self.units} units, {self.measure.name}: at most {self.largest:.2g} "
            f"(allowed {self.measure.tolerance:g})"
        )


@dataclass(frozen=True)
class Audit:
    """What an audit found.

    Attributes:
        sampled: how many units were to be computed anew.
        total: how many the bundle holds.
        kinds: of how many kinds they are.
        compared: those that were, by kind.
        not_asked_for: digests of those that no case of the run asked for, so that none could be
            computed: their cases were not chosen, or they are of another model, engine version or
            input than this version judges.
    """

    sampled: int
    total: int
    kinds: int
    compared: tuple[Compared, ...]
    not_asked_for: tuple[str, ...]

    @property
    def passed(self) -> bool:
        return not self.not_asked_for and not any(one.beyond for one in self.compared)

    def lines(self) -> list[str]:
        """What was found, for the reader; problems name their units."""
        done = self.sampled - len(self.not_asked_for)
        found = [f"{done} of {self.total} units computed anew and compared with the bundle"]
        found += [str(one) for one in self.compared]
        for one in self.compared:
            found += [f"DIFFERENT: {one.kind} {digest[:12]}" for digest in one.beyond]
        if self.not_asked_for:
            found.append(
                f"NOT ASKED FOR: {len(self.not_asked_for)} sampled units, the first is "
                f"{self.not_asked_for[0][:12]}: run all cases (without -k, -m or a path); if that "
                "has been done, they are of another model, engine version or input: audit the "
                "bundle with the headclaims that made it"
            )
        return found if self.not_asked_for else [*found, self._proof()]

    def _proof(self) -> str:
        """What so large a sample can say at all."""
        wrong = wrong_units(self.total)
        chance = chance_to_find(self.total, self.kinds, wrong, self.sampled)
        enough = units_to_find(self.total, self.kinds, wrong)
        more = "" if self.sampled >= enough else f"; {enough} would with {SURELY:.0%}"
        return (
            f"were {wrong} of {self.total} units wrong, a sample of {self.sampled} would find one "
            f"with a probability of {chance:.1%} at least{more}"
        )


def compare(bundle: Bundle, sampled: frozenset[str], root: Path) -> Audit:
    """Compares what was computed anew, the documents of the store in ``root``, with the bundle's.

    Raises:
        ResultsError: a document of the bundle or of the store cannot be read.
    """
    found: dict[str, Document] = {}
    for path in paths(root):
        document = read_document(path)
        if document is not None and document.unit.digest in sampled:
            found[document.unit.digest] = document
    by_kind: dict[str, dict[str, float]] = {}
    for digest, anew in sorted(found.items()):
        kind = anew.unit.kind
        measure = MEASURES.get(kind, ANYTHING)
        by_kind.setdefault(kind, {})[digest] = _difference(measure, bundle.document(digest), anew)
    compared = tuple(
        Compared(
            kind,
            measure := MEASURES.get(kind, ANYTHING),
            len(differences),
            max(differences.values()),
            # not <=, so that NaN is beyond
            tuple(d for d, size in differences.items() if not size <= measure.tolerance),
        )
        for kind, differences in sorted(by_kind.items())
    )
    kinds = len(bundle.documents)
    return Audit(len(sampled), len(bundle), kinds, compared, tuple(sorted(sampled - found.keys())))


def _difference(measure: Measure, stored: Document, anew: Document) -> float:
    try:
        return measure.of(stored.result, anew.result)
    except (LookupError, TypeError, ValueError, AttributeError):
        return float("inf")  # not of the same form
