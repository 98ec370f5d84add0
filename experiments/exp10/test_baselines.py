"""The stored figures of Experiment 10."""

import pytest

from experiments.exp10.measured.cumulative import THRESHOLDS, Removal, find_crossings, measure_curve
from experiments.exp10.measured.penetration import penetration
from experiments.exp10.ranking import CHEAP, NEGLIGIBLE
from experiments.judging.baselines.comparison import Tolerance
from experiments.plugin.options import is_default

PERPLEXITY = Tolerance(
    0, 1e-3, "fp32 on another CPU; two implementations of attention on one differ by 6e-7"
)
G = Tolerance(1e-3, 0, "cosines of fp32 residuals, over their largest slope")
NEAR = 1e-5
"""A ΔPPL this close to a bound, or two this close together, 16 times that difference, may change
sides elsewhere."""
TIED = f"two heads of |ΔPPL| within {NEAR} may change places here"
TIED_STEP = Tolerance(0, 0.05, f"{TIED}: up to 1.5% measured")
CLOSE_CROSSING = Tolerance(2, 0, f"{TIED}, or the ratio is at the threshold but for its tolerance")

pytestmark = pytest.mark.usefixtures("model")


@pytest.fixture(autouse=True)
def only_where_baselines_are_kept(pytestconfig):
    if not is_default(pytestconfig):
        pytest.skip("baselines are kept for registered models with default text, fp32, CPU")


@pytest.mark.baseline("exp10", "{model}/individual-zero")
def test_single_heads_are_those_of_the_baseline(sweep_of, evaluations_of, json_baseline):
    _check_sweep(sweep_of("zero"), evaluations_of("zero"), json_baseline)


@pytest.mark.baseline("exp10", "{model}/individual-mean")
def test_single_heads_under_means_are_those_of_the_baseline(
    sweep_of, evaluations_of, json_baseline
):
    _check_sweep(sweep_of("mean"), evaluations_of("mean"), json_baseline)


@pytest.mark.baseline("exp10", "{model}/cumulative-zero")
def test_the_cumulative_curve_is_that_of_the_baseline(sweep_of, evaluations_of, json_baseline):
    evaluations, swept = evaluations_of("zero"), sweep_of("zero")
    curve = measure_curve(evaluations, swept, Removal())
    found = {str(t): find_crossings(evaluations, curve, t).first for t in THRESHOLDS}

    def tied(count):
        """Whether the head removed last and the next one could change places elsewhere."""
        if not 0 < count < len(curve.heads):
            return False
        last, following = (abs(swept.delta(head)) for head in curve.heads[count - 1 : count + 1])
        return following - last < NEAR

    ties = {f"ppl.{step}": TIED_STEP for step in curve.steps if tied(step)}
    for threshold, place in found.items():
        ratios = [ratio for ratio in (place.ratio, place.exceeded_ratio) if ratio is not None]
        # Two perplexities go into a ratio, each with its tolerance.
        grazed = any(abs(r / float(threshold) - 1) < 2 * PERPLEXITY.relative for r in ratios)
        if grazed or tied(place.within) or tied(place.within + 1):
            # A dot in a key is written "?" in a pattern.
            ties[f"within.{threshold.replace('.', '?')}"] = CLOSE_CROSSING
    json_baseline.check(
        {
            **_header(evaluations),
            "ppl": {str(step): curve.points[step].value for step in curve.steps},
            "within": {threshold: place.within for threshold, place in found.items()},
        },
        provenance=evaluations.provenance(),
        tolerances={**ties, "ppl.*": PERPLEXITY},
    )


@pytest.mark.baseline("exp10", "{model}/penetration")
def test_penetration_is_that_of_the_baseline(chosen_model, store, json_baseline):
    document = penetration(chosen_model, store)
    json_baseline.check(
        {"g": document["g"]}, provenance=document["provenance"], tolerances={"g.*": G}
    )


def _check_sweep(swept, evaluations, json_baseline):
    bounds = {"below_1_percent": NEGLIGIBLE, "below_10_percent": CHEAP}
    sizes = [abs(delta) for delta in swept.deltas.values()]
    near = {key: sum(abs(size - b) < NEAR for size in sizes) for key, b in bounds.items()}
    near["helping"] = sum(size < NEAR for size in sizes)
    json_baseline.check(
        {
            **_header(evaluations),
            "unablated_ppl": swept.unablated.value,
            "ppl": {str(head): ablated.value for head, ablated in swept.ablated.items()},
            **{key: len(swept.within(bound)) for key, bound in bounds.items()},
            "helping": len(swept.helping()),
        },
        provenance=evaluations.provenance(),
        tolerances={
            "unablated_ppl": PERPLEXITY,
            "ppl.*": PERPLEXITY,
            # None where nothing lies near: counts are then exact.
            **{
                key: Tolerance(count, 0, f"{count} heads lie at the bound, to {NEAR}")
                for key, count in near.items()
                if count
            },
        },
    )


def _header(evaluations):
    setting = evaluations.setting
    return {
        "model": setting.model.spec.key,
        "text": setting.text.describe(),
        **setting.describe_windows(),
        "ablation": setting.describe_ablation(),
    }
