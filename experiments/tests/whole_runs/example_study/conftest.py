"""A made-up study: the top heads of a random ranking do no more harm than other heads."""

import pytest

from ablation.detection import RANDOM
from experiments.cells.outcomes import read_outcomes
from experiments.cells.plan import AblationPlan
from experiments.cells.runner import CellRunner, ResultsFolder
from experiments.claims import register
from experiments.judging.claim import Bound, Claim, Criterion, HeadsAblated, Scale, Tier
from experiments.judging.study import Study
from experiments.plugin.options import chosen_spec

LEVEL = 4

NO_HARM = Claim(
    id="C1",
    statement="the top heads of a random ranking do no more harm than other heads",
    study="random_heads",
    source="made up",
    published="0",
    ablation=HeadsAblated("zero", "prefill and decode", "none in Llama"),
    tiers=(Tier.EMBEDDED,),
    criteria={
        "": Criterion("accuracy lost beyond the control", Bound.AT_MOST, 0.05, "0", Scale.POINTS)
    },
    primary=True,
)
register(Study("random_heads", (NO_HARM,)))


def pytest_generate_tests(metafunc):
    if "model" in metafunc.fixturenames:
        metafunc.parametrize("model", [chosen_spec(metafunc.config).key])


@pytest.fixture(scope="session")
def random_outcomes(cells, cell_for, store, run_folder):
    """The answers in every cell with random "top" heads ablated, and with as many others."""
    runner = CellRunner(store, ResultsFolder(run_folder), AblationPlan((LEVEL,), method=RANDOM))
    built = [cell_for(name) for name in cells]
    runner.share(built)
    return [read_outcomes(runner.ablate(cell), runner.controls(cell)) for cell in built]
