"""What a claim is: a falsifiable statement, and the criteria that decide it."""

import operator
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from ablation.errors import InvalidInput

DETAILS_ONLY = "details only"
"""In place of the verdict on a claim of which no part was judged."""


class Tier(StrEnum):
    """What a claim is judged on."""

    PUBLISHED = "published"
    """the source's own figures, no model"""
    EMBEDDED = "embedded"
    """the small model that comes with the package: not the model of the study"""
    PAPER = "paper"
    """a model of the claim's own study"""
    OWN = "own"
    """any other model: ``--model``"""


class Bound(StrEnum):
    """How a figure is compared with its threshold."""

    ABOVE = ">"
    AT_LEAST = "≥"
    BELOW = "<"
    AT_MOST = "≤"

    @property
    def is_lower(self) -> bool:
        """Whether larger figures speak for the claim."""
        return self in (Bound.ABOVE, Bound.AT_LEAST)

    def met_by(self, figure: float, threshold: float) -> bool:
        """Whether ``figure`` is on the side of ``threshold`` that the claim is about."""
        return _COMPARISONS[self](figure, threshold)


_COMPARISONS = {
    Bound.ABOVE: operator.gt,
    Bound.AT_LEAST: operator.ge,
    Bound.BELOW: operator.lt,
    Bound.AT_MOST: operator.le,
}


class Scale(StrEnum):
    """How figures are shown; they are kept as fractions and plain numbers."""

    POINTS = "points"
    PERCENT = "%"
    TIMES = "×"
    NUMBER = ""

    def show(self, figure: float) -> str:
        """The figure in this unit, without its name."""
        if self in (Scale.POINTS, Scale.PERCENT):
            return f"{100 * figure:z.1f}"  # z: what rounds to zero has no sign
        return f"{figure:.3g}" if abs(figure) < 1000 else f"{figure:,.0f}"


@dataclass(frozen=True)
class Criterion:
    """One measurable part of a claim.

    Attributes:
        metric: what is measured.
        bound, threshold: what it must be for the claim to hold.
        published: the source's value, as its readers find it.
        unit: how it is shown.
        null: the value without any effect, where the claim is one of size, ``threshold``; None
            where it is a bound only, with no direction to be right about.
        counts_from: of a claim of size, the smallest one that still counts as the published one.
        of_the_source: it compares figures of the source with each other, so failing it does not
            refute a claim but shows the source inconsistent.
    """

    metric: str
    bound: Bound
    threshold: float
    published: str
    unit: Scale = Scale.NUMBER
    null: float | None = None
    counts_from: float | None = None
    of_the_source: bool = False

    def __post_init__(self) -> None:
        if (self.null is None) != (self.counts_from is None):
            raise InvalidInput(
                f"criterion {self.metric!r}: a claim of size needs both the value without any "
                "effect and the smallest size that counts as the published one: give both, or none"
            )

    def met_by(self, estimate: float) -> bool:
        """Whether the estimate alone is on the claimed side; how sure that is, a verdict says."""
        return self.bound.met_by(estimate, self.threshold)

    @property
    def requirement(self) -> str:
        """The threshold with its bound, as in "≥ 5.5 points"."""
        scale = 100 if self.unit in (Scale.POINTS, Scale.PERCENT) else 1
        return f"{self.bound} {scale * self.threshold:.3g} {self.unit}".rstrip()

    @property
    def requirement_in_full(self) -> str:
        """Of a claim of size with where that begins: what a whole interval must reach.

        As in "≥ 23.6 points, counts from 11.8".
        """
        if self.counts_from is None:
            return self.requirement
        return f"{self.requirement}, counts from {self.unit.show(self.counts_from)}"

    def speaks_for(self, estimate: float) -> bool:
        """Whether the estimate is on the claimed side of no effect, or of a bound."""
        return self.bound.met_by(estimate, self.threshold if self.null is None else self.null)


@dataclass(frozen=True)
class HeadsAblated:
    """The ablation that a claim is about."""

    mode: str
    scope: str
    bias: str

    def __str__(self) -> str:
        return f"{self.mode}, {self.scope}, value bias {self.bias}"


@dataclass(frozen=True)
class Claim:
    """A falsifiable statement of a study.

    Attributes:
        id: its name in tables and reports.
        statement: what is claimed, one sentence.
        study: the name of its ``Study``.
        source: where in the study it stands.
        published: the published figures, one phrase.
        ablation: what is ablated; None for claims about figures only.
        tiers: what it can be judged on.
        criteria: part -> criterion; the part of a claim with one criterion is "".
        primary: the study's one primary claim; p-values of the others are corrected for their
            number.
        instrument: it checks the ablator rather than the study, and belongs to no family of
            p-values.

    Raises:
        InvalidInput: no tier or no criterion.
    """

    id: str
    statement: str
    study: str
    source: str
    published: str
    ablation: HeadsAblated | None
    tiers: tuple[Tier, ...]
    criteria: Mapping[str, Criterion]
    primary: bool = False
    instrument: bool = False

    def __post_init__(self) -> None:
        if not self.tiers or not self.criteria:
            raise InvalidInput(f"claim {self.id} needs at least one tier and one criterion")

    def criterion(self, part: str = "") -> Criterion:
        """The criterion of ``part``.

        Raises:
            InvalidInput: the claim has no such part.
        """
        if part not in self.criteria:
            parts = ", ".join(map(repr, self.criteria))
            raise InvalidInput(f"claim {self.id} has no part {part!r}: it has {parts}")
        return self.criteria[part]
