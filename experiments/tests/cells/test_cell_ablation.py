"""An ablation is written down without being made: both say the same in every mode and scope."""

import pytest

from ablation.engine import REFERENCE, EngineChoice
from ablation.errors import InvalidInput
from ablation.filings.synthetic import synthetic_filings
from ablation.models.model import open_model
from ablation.models.registry import model_spec
from experiments.cells.cell import build_cell
from experiments.cells.choices import BIAS_POLICIES, MODES, SCOPES, AblationChoice


@pytest.fixture(scope="module")
def cell(tiny):
    return build_cell(open_model(model_spec(str(tiny))), synthetic_filings(10), "inc_state", 350)


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("mode", MODES)
def test_the_description_is_that_of_the_ablation(cell, mode, scope):
    for bias in BIAS_POLICIES if mode == "zero" else BIAS_POLICIES[:1]:
        ablation = AblationChoice(mode, scope, bias).of(cell)
        assert ablation.description == ablation.made.describe()
        assert ablation.made.scope.value == scope


@pytest.mark.parametrize("mode", MODES)
def test_in_another_scope_it_is_the_same_ablation(cell, mode):
    everywhere = AblationChoice(mode).of(cell)
    for scope in SCOPES:
        there = everywhere.in_scope(scope)
        assert there.description == AblationChoice(mode, scope).of(cell).description
        assert there.made.describe() == there.description


def test_prompts_that_cannot_be_paired_are_refused_before_the_model_runs(tiny):
    cell = build_cell(open_model(model_spec(str(tiny))), synthetic_filings(5), "inc_state", 350)
    assert len(cell.test) == 1
    with pytest.raises(InvalidInput, match="two different prompts of 350 tokens, got one"):
        AblationChoice("resample").of(cell)


def means_of(cell, mode, scope=SCOPES[0]):
    from ablation.modes.mean import MeanAblation

    made = AblationChoice(mode, scope).of(cell).made
    assert isinstance(made, MeanAblation)
    return made.means


@pytest.fixture
def means_made(monkeypatch):
    """What means were computed of."""
    from ablation.passes import prompt_means

    calls, found = [], prompt_means._means

    def noting(*of):
        calls.append(of)
        return found(*of)

    monkeypatch.setattr(prompt_means, "_means", noting)
    return calls


def test_means_of_one_model_and_the_same_prompts_are_found_once(tiny, cell, means_made):
    model = open_model(model_spec(str(tiny)))
    year, state = (
        build_cell(model, synthetic_filings(10), question, 350)
        for question in ("inc_year", "inc_state")
    )
    for scope in SCOPES:
        for mode in ("mean", "mean_by_position"):
            assert len(means_of(year, mode, scope)) == model.grid.layers
    assert len(means_made) == 2
    _ = means_of(state, "mean")[0]
    _ = means_of(cell, "mean")[0]  # of another model
    assert len(means_made) == 4


@pytest.mark.parametrize(
    ("engine", "room"), [(EngineChoice(activation_mib=3), 3 << 20), (EngineChoice(REFERENCE), 0)]
)
def test_prompts_of_means_share_what_the_engine_may_hold(engine, room, tiny, means_made):
    model = open_model(model_spec(str(tiny)), engine=engine)
    _ = means_of(build_cell(model, synthetic_filings(10), "inc_year", 350), "mean")[0]
    assert [activation_bytes for *_, activation_bytes in means_made] == [room]
