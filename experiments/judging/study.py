"""A study: its claims, and the models that it is about."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ablation.errors import InvalidInput
from experiments.judging.claim import Claim


@dataclass(frozen=True)
class Study:
    """What a study claims, and of which models.

    Attributes:
        name: of its folder, and what its claims name as their study.
        claims: exactly one of them is primary; the p-values of the others are corrected for their
            number.
        models: the registered models that are the study's own; on any other its claims are judged
            all the same, but not in tier paper.

    Raises:
        InvalidInput: it has no claim, not exactly one primary claim, or one of another study.
    """

    name: str
    claims: tuple[Claim, ...]
    models: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        primary = [claim.id for claim in self.claims if claim.primary]
        if len(primary) != 1:
            raise InvalidInput(
                f"study {self.name} needs exactly one primary claim, got "
                f"{', '.join(primary) or 'none'}: say primary=True in one of its claims"
            )
        for claim in self.claims:
            if claim.study != self.name:
                raise InvalidInput(
                    f"claim {claim.id} of study {self.name} says that it is of {claim.study!r}: "
                    "give both one name"
                )


@dataclass(frozen=True)
class Registry:
    """The studies that are known, and their claims.

    Attributes:
        studies: name -> study, in the order of their registration.
        claims: id -> claim, likewise.
    """

    _studies: dict[str, Study] = field(default_factory=dict)
    _claims: dict[str, Claim] = field(default_factory=dict)

    @property
    def studies(self) -> Mapping[str, Study]:
        return self._studies

    @property
    def claims(self) -> Mapping[str, Claim]:
        return self._claims

    def register(self, study: Study) -> None:
        """Adds a study; one that is known already, just so, is left as it is.

        Raises:
            InvalidInput: another study has its name, or another claim one of its ids.
        """
        if self._studies.get(study.name) == study:
            return
        if study.name in self._studies:
            raise InvalidInput(f"two studies are called {study.name}: give one another name")
        ids = [*self._claims, *(claim.id for claim in study.claims)]
        for name in ids:
            if ids.count(name) > 1:
                raise InvalidInput(
                    f"study {study.name}: two claims are called {name}: give each an id of its own"
                )
        self._studies[study.name] = study
        self._claims.update({claim.id: claim for claim in study.claims})
