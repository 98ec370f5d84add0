"""What attention makes of an empty residual stream, by the model's own forward."""

from contextlib import ExitStack

import torch

from ablation.hooks.capture import capture_z
from ablation.hooks.sites import head_sites
from ablation.tests.support.tiny_models import random_ids


@torch.no_grad()
def z_of_empty_streams(model):
    """Layer by layer z of seven tokens ``(seq, heads, head_dim)``, every stream before it 0."""
    sites = head_sites(model)

    def empty(block, args, kwargs):
        if args:
            return (torch.zeros_like(args[0]), *args[1:]), kwargs
        return args, {**kwargs, "hidden_states": torch.zeros_like(kwargs["hidden_states"])}

    with ExitStack() as stack, capture_z(model, range(len(sites.layers))) as z:
        for site in sites.layers:
            stack.callback(site.block.register_forward_pre_hook(empty, with_kwargs=True).remove)
        model(random_ids(7))
    return [z[layer][0] for layer in range(len(sites.layers))]
