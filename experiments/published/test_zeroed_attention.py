"""Claim A6: what zeroed queries and zeroed logits leave of a head's output.

The claim is about zeroed queries only: of zeroed logits the study itself says that they give the
mean of V, which is shown here, too.

The tiny model is random: what is shown is arithmetic, which holds for any weights, and not a
property of Llama. The share that is left depends on the weights; that it is not zero does not.
"""

import numpy as np
import pytest

from experiments.judging.verdict import Evidence
from experiments.published.evidence.zeroed_attention import (
    attend,
    causal_mean,
    masked_logits,
    overall_mean,
)
from experiments.published.sources.llama3 import LLAMA3

pytestmark = pytest.mark.published(LLAMA3)

KNOWN_NOT_TO_HOLD = {
    f"{LLAMA3} A6": "zeroed queries are uniform attention: on a tiny random model "
    "the mean of the past's values keeps 99% of the output's norm",
}

ROUNDING = {"rtol": 1e-4, "atol": 1e-6}
"""float32 of two orders of summation."""

QUERIES = np.array([[1.0, 0.0], [0.0, 2.0], [3.0, 1.0]])
KEYS = np.array([[0.0, 1.0], [1.0, 1.0], [2.0, 0.0]])
VALUES = np.array([[4.0, 0.0], [0.0, 2.0], [2.0, 4.0]])


def test_zeroed_queries_give_the_mean_of_the_past():
    expected = [[4.0, 0.0], [2.0, 1.0], [2.0, 2.0]]
    assert attend(masked_logits(0 * QUERIES, KEYS), VALUES) == pytest.approx(np.array(expected))
    assert causal_mean(VALUES) == pytest.approx(np.array(expected))


def test_logits_zeroed_after_the_mask_give_the_mean_of_all_positions():
    logits = masked_logits(QUERIES, KEYS)
    logits[:] = 0
    expected = [[2.0, 2.0]] * 3
    assert attend(logits, VALUES) == pytest.approx(np.array(expected))
    assert overall_mean(VALUES) == pytest.approx(np.array(expected))


def test_logits_zeroed_before_the_mask_keep_it():
    logits = np.where(np.isfinite(masked_logits(QUERIES, KEYS)), 0.0, -np.inf)
    assert attend(logits, VALUES) == pytest.approx(causal_mean(VALUES))


def test_for_the_last_position_the_two_are_the_same():
    assert causal_mean(VALUES)[-1] == pytest.approx(overall_mean(VALUES)[-1])


@pytest.fixture(scope="module")
def unablated():
    from experiments.published.evidence.tiny_attention import layers_of, tiny_llama  # imports torch

    return layers_of(tiny_llama())


@pytest.fixture(scope="module")
def outputs(unablated):
    """Condition -> the output of each head in it, by layer and head."""
    from experiments.published.evidence.tiny_attention import layers_of, tiny_llama, zeroed_queries

    model = tiny_llama()
    queries_zeroed, logits_zeroed = [], []
    for number, layer in enumerate(unablated):
        with zeroed_queries(model, number):
            queries_zeroed += list(layers_of(model)[number].outputs)
        for head in range(layer.heads):
            logits = masked_logits(layer.queries[head], layer.keys[head])
            logits[:] = 0
            logits_zeroed.append(attend(logits, layer.values[head]))
    return {"queries zeroed": queries_zeroed, "logits zeroed": logits_zeroed}


def heads_of(layers):
    return [(layer, head) for layer in layers for head in range(layer.heads)]


def test_the_model_attends_as_written_out_here(unablated):
    for layer, head in heads_of(unablated):
        expected = attend(masked_logits(layer.queries[head], layer.keys[head]), layer.values[head])
        np.testing.assert_allclose(layer.outputs[head], expected, **ROUNDING)


@pytest.mark.parametrize(
    ("path", "closed_form"), [("queries zeroed", causal_mean), ("logits zeroed", overall_mean)]
)
def test_the_models_heads_give_the_closed_form(path, closed_form, unablated, outputs):
    for (layer, head), found in zip(heads_of(unablated), outputs[path], strict=True):
        np.testing.assert_allclose(found, closed_form(layer.values[head]), **ROUNDING)


@pytest.mark.claim("A6")
def test_nothing_is_left_of_the_output(unablated, outputs, judged):
    before = np.stack([layer.outputs[head] for layer, head in heads_of(unablated)])
    after = np.stack(outputs["queries zeroed"])
    share = np.linalg.norm(after, axis=-1).mean() / np.linalg.norm(before, axis=-1).mean()
    note = "arithmetic, on a tiny random model: the share depends on the weights, not being zero"
    count = before[..., 0].size
    assert judged(Evidence.exact(float(share), count, "outputs", note)).holds
