"""Every claim has a case and every case a claim; no two claims share an id."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ablation.errors import InvalidInput
from ablation.models.registry import EMBEDDED_MODEL, MODELS
from experiments.claims import CLAIMS, STUDIES
from experiments.judging.claim import Bound, Claim, Criterion, Tier
from experiments.judging.study import Registry, Study

TIER_FOLDER = "published"
FOLDERS = [path.parent for path in (Path(__file__).parents[2]).glob("*/test_*.py")]


def marked_claims(source: str) -> Iterator[str]:
    """The ids in ``@pytest.mark.claim("…")`` on functions and in ``pytest.param(marks=…)``."""
    for node in ast.walk(ast.parse(source)):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr == "claim"
            and ast.unparse(node.func.value) == "pytest.mark"
        ):
            assert isinstance(node.args[0], ast.Constant)
            yield str(node.args[0].value)


@pytest.fixture(scope="module")
def cases():
    """Claim -> the files with its cases."""
    found = defaultdict(set)
    for folder in set(FOLDERS):
        if folder.name not in ("tests", "plugin"):
            for path in folder.glob("test_*.py"):
                for claim in marked_claims(path.read_text(encoding="utf-8")):
                    found[claim].add(path)
    return found


def test_every_claim_has_a_case(cases):
    lacking = [claim for claim in CLAIMS if not cases[claim]]
    assert not lacking, (
        f"no case of {', '.join(lacking)}: mark one with @pytest.mark.claim({lacking[0]!r}) in a "
        "test_*.py of its study, or take the claim out of the registry"
    )


def test_every_case_has_a_claim(cases):
    assert {claim: paths for claim, paths in cases.items() if claim not in CLAIMS} == {}


def test_claims_have_a_case_in_every_tier_they_name(cases):
    for claim in CLAIMS.values():
        folders = {path.parent.name for path in cases[claim.id]}
        assert (TIER_FOLDER in folders) == (Tier.PUBLISHED in claim.tiers), claim.id
        assert bool(folders - {TIER_FOLDER}) == bool({*claim.tiers} - {Tier.PUBLISHED}), claim.id


def test_cases_of_the_tier_without_a_model_say_whose_figures_they_judge():
    # Else their findings would count as those of the model of --model.
    for path in (Path(__file__).parents[2] / TIER_FOLDER).glob("test_*.py"):
        assert "pytest.mark.published(" in path.read_text(encoding="utf-8"), path


def test_every_study_says_which_registered_models_are_its_own():
    for study in STUDIES.values():
        assert {*study.models} <= MODELS.keys() - {EMBEDDED_MODEL}


def test_the_claims_of_the_two_studies_are_all_there():
    expected = [f"A{n}" for n in range(1, 9)] + [f"B{n}" for n in range(1, 9)]
    assert set(expected) <= CLAIMS.keys()


ENTRY = Claim(
    "X1",
    "more is more",
    "study",
    "table 1",
    "1.0",
    None,
    (Tier.OWN,),
    {"": Criterion("size", Bound.ABOVE, 0.0, "1.0")},
    primary=True,
)


STUDY = Study("study", (ENTRY,))


def test_two_claims_of_one_id_are_refused():
    registry = Registry()
    registry.register(STUDY)
    with pytest.raises(InvalidInput, match="study other: two claims are called X1"):
        registry.register(Study("other", (replace(ENTRY, study="other"),)))
    twice = Study(
        "other", (replace(ENTRY, study="other"), replace(ENTRY, study="other", primary=False))
    )
    with pytest.raises(InvalidInput, match="two claims are called X1"):
        Registry().register(twice)
    assert [*registry.studies] == ["study"]


def test_two_studies_of_one_name_are_refused_but_one_may_register_twice():
    registry = Registry()
    for _ in range(2):
        registry.register(STUDY)
    assert dict(registry.claims) == {"X1": ENTRY}
    with pytest.raises(InvalidInput, match="two studies are called study"):
        registry.register(Study("study", (replace(ENTRY, id="X2"),)))


def test_a_study_has_one_primary_claim():
    for claims, got in (
        ((), "none"),
        ((replace(ENTRY, primary=False),), "none"),
        ((ENTRY, replace(ENTRY, id="X2")), "X1, X2"),
    ):
        with pytest.raises(InvalidInput, match=f"exactly one primary claim, got {got}"):
            Study("study", claims)


def test_the_claims_of_a_study_name_it():
    with pytest.raises(InvalidInput, match="claim X1 of study other says that it is of 'study'"):
        Study("other", (ENTRY,))


def test_an_entry_needs_a_tier_and_a_criterion():
    with pytest.raises(InvalidInput, match="X1 needs at least one tier and one criterion"):
        replace(ENTRY, tiers=())


def test_an_unknown_part_is_refused_with_the_known_ones():
    with pytest.raises(InvalidInput, match="A1 has no part '6': it has '5', '10'"):
        CLAIMS["A1"].criterion("6")
