"""Is a head what the ablator takes it for? Its part of the attention, and the rest without it."""

from dataclasses import dataclass
from math import inf
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from ablation.ablator import HeadAblator
from ablation.heads import Head
from ablation.hooks.attention import Kernel, lay_out
from ablation.hooks.capture import capture_attention, capture_residual, capture_z
from ablation.hooks.layout import MakeMask
from ablation.hooks.sites import HeadSites
from ablation.models.checks.deviation import Checked, apart
from ablation.modes.redirected import UniformCausalAblation


@torch.inference_mode()
def parts_of_attention(model: Any, sites: HeadSites, ids: Tensor) -> list[Checked]:
    layers = range(sites.grid.layers)
    with capture_attention(model, layers) as outputs, capture_z(model, layers) as z:
        model(input_ids=ids, use_cache=False)
    found = []
    for layer in layers:
        weight = sites.output_weight(layer).float()
        parts = torch.einsum("bshd,hde->bse", z[layer].float(), weight)
        bias = sites.output_bias(layer)
        whole = parts if bias is None else parts + bias.float()
        what = f"the output of attention in layer {layer} and the sum of its heads' parts"
        found.append(apart(what, whole, outputs[layer], in_a_layer=True))
    return found


@torch.inference_mode()
def one_zeroed(model: Any, sites: HeadSites, ids: Tensor, head: Head) -> list[Checked]:
    runs = []
    for heads in ((), (head,)):
        with (
            HeadAblator(model, heads),
            capture_attention(model, [head.layer]) as outputs,
            capture_residual(model) as streams,
            capture_z(model, [head.layer]) as z,
        ):
            model(input_ids=ids, use_cache=False)
        runs.append((outputs[head.layer].float(), streams, z[head.layer][:, :, head.head].float()))
    (whole, before, z_of_head), (without, after, _) = runs
    if not all(torch.equal(before[layer], after[layer]) for layer in range(head.layer + 1)):
        return [
            Checked(
                f"streams before layer {head.layer}, with and without {head},", inf, in_a_layer=True
            )
        ]
    part = z_of_head @ sites.output_weight(head.layer)[head.head].float()
    what = f"what zeroing {head} takes from the output of attention and the head's part of it"
    return [apart(what, without, whole - part, in_a_layer=True)]


@torch.inference_mode()
def without_queries(model: Any, ids: Tensor, head: Head) -> list[Checked]:
    found = []
    with HeadAblator(model, [head], UniformCausalAblation()), capture_z(model, [head.layer]) as z:
        model(input_ids=ids, use_cache=False)
        found.append(z[head.layer][:, :, head.head])
    layout = _ZeroQueries(head)
    with lay_out(model, layout), capture_z(model, [head.layer]) as z:
        model(input_ids=ids, use_cache=False)
        found.append(z[head.layer][:, :, head.head])
    what = f"z of {head} under uniform attention and with its queries zeroed"
    return [apart(what, *found, in_a_layer=True)]


@dataclass(frozen=True)
class _ZeroQueries:
    """Tokens as ever, and attention in which the queries of a head are 0."""

    head: Head
    key_positions: None = None
    positions: None = None

    def mask(self, make: MakeMask, **asked: Any) -> Any:
        return make(**asked)

    def attend(
        self, kernel: Kernel, query: Tensor, key: Tensor, value: Tensor, mask: Any
    ) -> Float[Tensor, "batch rows heads dim"]:
        if kernel.layer == self.head.layer:
            query = query.clone()
            query[:, self.head.head] = 0
        return kernel(query, key, value, mask)
