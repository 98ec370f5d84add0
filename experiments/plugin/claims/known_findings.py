"""Findings that are known: claims that are refuted, or hold to a smaller size.

A test module has them in ``KNOWN_NOT_TO_HOLD``, whose cases are strict xfails, and in
``KNOWN_TO_BE_SMALLER``, whose cases pass where the verdict is DIRECTION_ONLY and else fail. The
keys are those of ``Place``: model, claim, and the part and subset that the marker names, with
spaces between; the values say what was found, with its figures. What the evidence leaves open is
no finding. An assertion that fails for another reason than what ``judged`` was given is none. On a
model they count only where baselines do: in runs without options that change what any study
computes. Of a run with such options the checkout may keep evidence; its verdicts are the findings
that are known then.

A key that no case of its module has is an error of the collection: it would be a finding that
nobody measures any more, or excuse a case that is added later.
"""

from collections.abc import Iterator, Mapping
from types import ModuleType

import pytest

from ablation.errors import InvalidInput
from ablation.models.registry import MODELS
from experiments.judging.claim import Tier
from experiments.judging.stored_evidence import stored_verdict
from experiments.judging.verdict import Verdict
from experiments.plugin.claims.finding_properties import STORED_EVIDENCE
from experiments.plugin.claims.judged import REFUTED, SMALLER, NotHeld
from experiments.plugin.claims.markers import CLAIM_MARKER, Place, place_of
from experiments.plugin.options import changed_options, chosen_spec, is_default

NOT_TO_HOLD, TO_BE_SMALLER = "KNOWN_NOT_TO_HOLD", "KNOWN_TO_BE_SMALLER"


@pytest.fixture(autouse=True)
def known_finding(request: pytest.FixtureRequest, pytestconfig: pytest.Config) -> None:
    """Says of the case what is known to be found."""
    if request.node.get_closest_marker(CLAIM_MARKER) is None:
        return
    place = place_of(request.node)
    strict = True
    if place.tier is Tier.PUBLISHED or is_default(pytestconfig):
        reason = getattr(request.module, NOT_TO_HOLD, {}).get(str(place))
        smaller = str(place) in getattr(request.module, TO_BE_SMALLER, {})
    else:
        verdict = _stored_verdict(place, pytestconfig)
        strict = not pytestconfig.getoption("accept_verdict_change", False)
        smaller = verdict == Verdict.DIRECTION_ONLY and strict
        refuted = verdict in REFUTED or (verdict == Verdict.DIRECTION_ONLY and not strict)
        reason = f"stored evidence of such a run: {verdict}" if refuted else None
    if reason is not None:
        request.applymarker(pytest.mark.xfail(reason=reason, raises=NotHeld, strict=strict))
    request.node.stash[SMALLER] = smaller


def _stored_verdict(place: Place, config: pytest.Config) -> str | None:
    """What evidence of a run with the options of this one says."""
    options = changed_options(config)
    stored = [one for one in config.stash.get(STORED_EVIDENCE, []) if one["options"] == options]
    claim = (place.claim, str(place.tier), place.model)
    return stored_verdict(stored, claim, place.part, place.of)


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> Iterator[None]:
    # All that was collected, before -k chooses from it.
    by_module: dict[pytest.Module, list[pytest.Item]] = {}
    for item in items:
        module = item.getparent(pytest.Module)
        if module is not None and _findings(module.obj):
            by_module.setdefault(module, []).append(item)
    for module, collected in by_module.items() if _collects_whole_modules(config) else ():
        idle = _idle(_findings(module.obj), collected, config)
        if idle:
            names = [
                name
                for name in (NOT_TO_HOLD, TO_BE_SMALLER)
                if not getattr(module.obj, name, {}).keys().isdisjoint(idle)
            ]
            text = (
                f"{module.nodeid}: {' and '.join(names)} has what no case of the module is: "
                f"{', '.join(map(repr, idle))}: correct the key, or take the finding out"
            )
            # See experiments.plugin.baseline_files.fixture for why this is no UsageError.
            report = pytest.CollectReport(module.nodeid, "failed", text, [])
            config.hook.pytest_collectreport(report=report)
    return (yield)


def _idle(
    findings: Mapping[str, str], items: list[pytest.Item], config: pytest.Config
) -> list[str]:
    """The keys that match none of a module's cases, as far as a run on this model can tell."""
    places = [place for item in items if (place := _place(item)) is not None]
    published = {place.model for place in places if place.tier is Tier.PUBLISHED}
    told = {*published, *([chosen_spec(config).key] if is_default(config) else [])}
    known = {str(place) for place in places}

    def is_of(key: str, models: set[str]) -> bool:
        return any(key.startswith(f"{model} ") for model in models)

    return [
        key
        for key in findings
        if key not in known and (is_of(key, told) or not is_of(key, {*MODELS, *published}))
    ]


def _place(item: pytest.Item) -> Place | None:
    if item.get_closest_marker(CLAIM_MARKER) is None:
        return None
    try:
        return place_of(item)
    except InvalidInput:  # which the case itself reports
        return None


def _findings(module: ModuleType) -> Mapping[str, str]:
    return {**getattr(module, NOT_TO_HOLD, {}), **getattr(module, TO_BE_SMALLER, {})}


def _collects_whole_modules(config: pytest.Config) -> bool:
    """Not where cases are named by their node ids, or --lf leaves out what passed."""
    return not config.getoption("lf", False) and not any("::" in word for word in config.args)
