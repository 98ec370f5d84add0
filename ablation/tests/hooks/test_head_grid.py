"""The heads of a model, of which layers may have more and fewer."""

import gc
import weakref

import jaxtyping
import pytest
import torch

from ablation.detection.qrhead import calibrate
from ablation.detection.ranking import HeadRanking
from ablation.errors import InvalidInput
from ablation.heads import Head, HeadGrid
from ablation.hooks.sites import head_sites
from ablation.tests.support.tiny_models import tiny_model

UNEVEN = HeadGrid((2, 3))


def test_heads_are_counted_layer_by_layer():
    assert list(map(str, UNEVEN)) == ["L0H0", "L0H1", "L1H0", "L1H1", "L1H2"]
    assert (len(UNEVEN), UNEVEN.layers, UNEVEN.widest) == (5, 2, 3)
    assert HeadGrid.even(2, 3) == HeadGrid((3, 3))


def test_one_number_is_written_where_one_is_all_there_is():
    assert HeadGrid.even(2, 3).heads_per_layer == 3
    assert UNEVEN.heads_per_layer == [2, 3]


def test_of_a_padded_table_the_heads_own_figures_are_left():
    assert UNEVEN.own([[0.1, 0.2, 0.0], [0.3, 0.4, 0.5]]) == [[0.1, 0.2], [0.3, 0.4, 0.5]]


@pytest.mark.parametrize(
    ("head", "said"),
    [
        (Head(0, 2), r"2 layers \(0 to 1\), layer 0 of 2 query heads \(0 to 1\)"),
        (Head(1, 3), r"2 layers \(0 to 1\), layer 1 of 3 query heads \(0 to 2\)"),
        (Head(2, 0), r"2 layers \(0 to 1\)"),
    ],
)
def test_a_head_that_a_layer_has_not_is_refused(head, said):
    assert head not in UNEVEN
    with pytest.raises(InvalidInput, match=f"head {head} is out of range: the model has {said}"):
        UNEVEN.check([head])


def test_scores_of_other_heads_are_refused():
    with pytest.raises(InvalidInput, match=r"scores of \(2, 3\) heads .* got \(3, 2\)"):
        HeadRanking.of_prompts(UNEVEN, [[[0.1, 0.2, 0.3], [0.4, 0.5]]])


def test_a_model_that_nobody_holds_is_gone_though_its_heads_were_found():
    model = tiny_model("llama-biases")
    assert head_sites(model).layers[0].value_bias is not None
    gone = weakref.ref(model)
    gc.collect()
    gc.disable()
    try:
        del model
        assert gone() is None
    finally:
        gc.enable()


def test_shapes_that_do_not_match_are_an_error_in_tests():
    with pytest.raises(jaxtyping.TypeCheckError, match="tokens"):
        calibrate(torch.zeros(2, 3, 4), torch.zeros(2, 3, 5))
