"""Where a case stands: which criterion of which claim it judges, in which tier, on which model."""

from dataclasses import dataclass

import pytest

from ablation.errors import InvalidInput
from ablation.models.registry import EMBEDDED_MODEL, MODELS
from experiments.claims import CLAIMS, STUDIES
from experiments.judging.claim import Claim, Tier
from experiments.plugin.options import chosen_spec

CLAIM_MARKER = "claim"


@dataclass(frozen=True)
class Place:
    """What a case judges.

    Attributes:
        claim, part: the criterion.
        tier, model: what it is judged on.
        of: the subset of the data, such as one cell; "" where the case carries the verdict.
    """

    claim: str
    part: str
    tier: Tier
    model: str
    of: str

    def __str__(self) -> str:
        """Model, claim, part and subset: the key of a known finding."""
        return " ".join(word for word in (self.model, self.claim, self.part, self.of) if word)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        "claim(id, part, of): the case judges a criterion of a claim; part and of are format "
        'strings over its parameters, such as "{level}"; with of, it is about that subset only',
    )
    config.addinivalue_line(
        "markers", "published(model): judged from the figures of the source, without a model"
    )


def place_of(item: pytest.Item) -> Place:
    """What the markers of a case say.

    Raises:
        InvalidInput: no marker ``claim``, an unknown claim or part, or a format string that does
            not fit the parameters.
    """
    marker = item.get_closest_marker(CLAIM_MARKER)
    claim = CLAIMS.get(marker.args[0]) if marker is not None and marker.args else None
    if marker is None or claim is None:
        got = "none" if marker is None or not marker.args else repr(marker.args[0])
        raise InvalidInput(
            f"a case is marked with @pytest.mark.claim(one of {', '.join(CLAIMS)}), got {got}: the "
            "claims of another study are known once its conftest.py has called "
            "experiments.claims.register"
        )
    callspec = getattr(item, "callspec", None)
    parameters = callspec.params if callspec else {}
    part, of = (
        _filled(template, parameters)
        for template in ((*marker.args[1:2], "")[0], marker.kwargs.get("of", ""))
    )
    claim.criterion(part)
    tier, model = _subject(item, claim)
    return Place(claim.id, part, tier, model, of)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skips the cases of claims that are not judged in the tier of this run.

    Here, because a fixture would be too late: the model is loaded before.
    """
    for item in items:
        marker = item.get_closest_marker(CLAIM_MARKER)
        claim = CLAIMS.get(marker.args[0]) if marker is not None and marker.args else None
        if claim is None:
            continue
        tier, _ = _subject(item, claim)
        if tier not in claim.tiers and tier is not Tier.OWN:
            tiers = ", ".join(claim.tiers)
            item.add_marker(
                pytest.mark.skip(reason=f"{claim.id} is judged in tier {tiers}, not in {tier}")
            )


def _filled(template: str, parameters: dict[str, object]) -> str:
    try:
        return template.format(**parameters)
    except (LookupError, AttributeError, ValueError) as error:
        raise InvalidInput(
            f"the marker's {template!r} cannot be filled in from the parameters "
            f"{sorted(parameters)}: {error!r}"
        ) from None


def _subject(item: pytest.Item, claim: Claim) -> tuple[Tier, str]:
    published = item.get_closest_marker("published")
    if published is not None:
        return Tier.PUBLISHED, published.args[0]
    key = chosen_spec(item.config).key
    # A directory may be called like a registered model.
    if item.config.getoption("model") not in MODELS:
        return Tier.OWN, key
    if key == EMBEDDED_MODEL:
        return Tier.EMBEDDED, key
    return (Tier.PAPER if key in STUDIES[claim.study].models else Tier.OWN), key
