"""The embedded model with its queries really zeroed: the mean of what each position sees."""

import pytest
import torch

from ablation.ablator import HeadAblator
from ablation.heads import Head
from ablation.hooks.capture import capture_z
from ablation.hooks.sites import head_sites
from ablation.models.loading import load_model
from ablation.models.registry import model_spec
from ablation.modes.redirected import UniformCausalAblation
from ablation.prompts.haystacks import ten_k_boilerplate


@pytest.mark.model
@torch.inference_mode()
def test_zeroed_queries_are_the_mean_of_what_is_seen():
    loaded = load_model(model_spec("smollm2"))
    model = loaded.model
    ids = loaded.tokenizer(ten_k_boilerplate(), return_tensors="pt")["input_ids"][:, :256]
    for layer in range(0, loaded.grid.layers, 7):
        queries = head_sites(model).layers[layer].attention.q_proj
        handle = queries.register_forward_hook(lambda module, args, output: output * 0)
        try:
            with capture_z(model, [layer]) as z:
                model.base_model(ids, use_cache=False)
        finally:
            handle.remove()
        heads = [Head(layer, head) for head in range(loaded.grid.by_layer[layer])]
        with HeadAblator(model, heads, UniformCausalAblation()), capture_z(model, [layer]) as mean:
            model.base_model(ids, use_cache=False)
        torch.testing.assert_close(z[layer], mean[layer], rtol=1e-4, atol=1e-4)
