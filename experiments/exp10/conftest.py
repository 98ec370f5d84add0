"""The cases of Experiment 10: parametrised over the model, marked; one set of evaluations a run."""

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

import pytest

from experiments.plugin.options import chosen_exp10, chosen_spec

if TYPE_CHECKING:
    from ablation.models.model import Model
    from experiments.exp10.measured.evaluations import Evaluations
    from experiments.exp10.measured.individual import Sweep
    from experiments.store import Store


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "model" in metafunc.fixturenames:
        metafunc.parametrize("model", [chosen_spec(metafunc.config).key])


@pytest.fixture(scope="session")
def evaluations_of(
    pytestconfig: pytest.Config, chosen_model: "Model", store: "Store"
) -> "Callable[[str], Evaluations]":
    """Mode -> the evaluations under zero or mean ablation."""
    from experiments.exp10.measured.evaluations import Evaluations
    from experiments.exp10.measured.setting import build_setting, source_text

    @cache
    def evaluations(mode: str) -> "Evaluations":
        options = chosen_exp10(pytestconfig, mode)
        source = source_text(chosen_model.spec, options)
        return Evaluations(build_setting(chosen_model, source, options), store)

    return evaluations


@pytest.fixture(scope="session")
def sweep_of(evaluations_of: "Callable[[str], Evaluations]") -> "Callable[[str], Sweep]":
    """Mode -> every head ablated alone; workers share the work."""
    from experiments.exp10.measured.individual import sweep

    return cache(lambda mode: sweep(evaluations_of(mode)))


@pytest.fixture(scope="session")
def ppl_noise(evaluations_of: "Callable[[str], Evaluations]") -> float:
    """Run-to-run noise of a ratio of perplexities, measured once for the model and text."""
    from experiments.exp10.measured.noise import perplexity_noise

    # Two perplexities go into a ratio.
    return 2 * perplexity_noise(evaluations_of("zero"))["noise"]
