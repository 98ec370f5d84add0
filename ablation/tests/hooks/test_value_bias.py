"""The value bias of a row of the table, by a rule that needs no formula of the architecture."""

import torch

from ablation.hooks.sites import head_sites
from ablation.passes.layerwise import LayerwisePass
from ablation.passes.token_tree import TokenTree
from ablation.tests.support.tiny_models import HIDDEN, WITH_VALUE_BIAS, random_ids
from ablation.tests.support.tolerances import assert_same


@torch.inference_mode()
def test_what_attention_makes_of_nothing_is_the_value_bias(model, request):
    """An empty residual stream leaves attention with what its norm makes of 0, its own bias.

    All values are then alike, whatever the weights, and so is z.
    """
    sites, length = head_sites(model), 7
    run = LayerwisePass(sites, TokenTree(random_ids(length).tolist()))
    for site in sites.layers:
        z, _ = run.attend(site.layer, torch.zeros(1, length, HIDDEN))
        by_head = z.unflatten(-1, (sites.grid.heads, sites.head_dim))
        if site.value_bias is None:
            assert_same(by_head, torch.zeros_like(by_head))
        else:
            assert_same(by_head, site.value_bias.expand_as(by_head))
            assert site.value_bias.abs().min() > 0
    name = request.node.callspec.params["model"]
    assert (sites.layers[0].value_bias is not None) == (name in WITH_VALUE_BIAS)
