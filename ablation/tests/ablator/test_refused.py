"""Heads and models that are refused, and how heads are named and counted."""

import pytest
from torch import nn
from transformers import OPTForCausalLM

from ablation.ablator import HeadAblator
from ablation.errors import InvalidInput
from ablation.heads import Head, HeadGrid
from ablation.hooks.families import family_of
from ablation.hooks.sites import head_sites
from ablation.tests.support.tiny_models import (
    CONFIGS,
    LAYERS,
    random_ids,
    tiny_model,
)


@pytest.mark.parametrize(
    ("heads", "message"),
    [
        ([Head(LAYERS, 0)], "head L3H0 is out of range: the model has 3 layers"),
        ([Head(0, 4)], "head L0H4 is out of range.*4 query heads"),
        ([Head(-1, 0)], "out of range"),
        ([Head(0, 1), Head(0, 1)], "head L0H1 is listed twice"),
    ],
)
def test_impossible_heads_are_refused(llama, heads, message):
    with pytest.raises(InvalidInput, match=message):
        HeadAblator(llama, heads)
    with pytest.raises(InvalidInput, match=message):
        HeadAblator.per_row(llama, [[], heads])


def test_a_batch_of_another_size_is_refused(llama):
    with (
        pytest.raises(InvalidInput, match="given 2 rows of heads, but the batch has 3"),
        HeadAblator.per_row(llama, [[Head(0, 0)], []]),
    ):
        llama(random_ids(9, rows=3))


def test_an_unknown_model_class_is_refused():
    with pytest.raises(InvalidInput, match="no known head site for model class Linear"):
        head_sites(nn.Linear(2, 2))


def test_a_family_that_cannot_be_had_is_refused_with_its_reason():
    with pytest.raises(InvalidInput, match="BitNetForCausalLM is not taken: z of all heads is"):
        family_of("BitNetForCausalLM")
    with pytest.raises(InvalidInput, match=r"is required \(such as LlamaForCausalLM\)"):
        family_of("LlamaxForCausalLM")


def test_a_model_that_is_built_otherwise_than_its_family_is_refused():
    """As OPT-350m is, whose normalisations stand behind attention and MLP."""
    config = CONFIGS["opt"]()
    config.do_layer_norm_before = False
    model = OPTForCausalLM(config)
    with pytest.raises(InvalidInput, match="this OPTForCausalLM has no heads where its fam"):
        head_sites(model)


def test_the_grid_counts_query_heads():
    assert head_sites(tiny_model("llama-mqa")).grid == HeadGrid.even(LAYERS, 4)


def test_head_dim_is_not_hidden_size_over_heads():
    assert head_sites(tiny_model("llama-head-dim")).layers[0].head_dim == 12


@pytest.mark.parametrize("name", ["L1", "1-2", "L1H", "l1h2", "L1H2 ", "L-1H2", "L1H99999"])
def test_a_bad_head_name_is_refused(name):
    with pytest.raises(InvalidInput, match="bad head name"):
        Head.parse(name)


def test_head_names_round_trip():
    assert Head.parse(str(Head(15, 30))) == Head(15, 30)
