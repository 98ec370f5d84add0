"""A head zeroed as a loop of one's own does it: the hook that the engine is measured against."""

from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from ablation.heads import Head
from ablation.hooks.sites import HeadSites


def zero_head(sites: HeadSites, head: Head) -> RemovableHandle:
    """Zeroes ``head`` at the input of the output projection until the handle is removed."""
    width = sites.layers[head.layer].head_dim
    start, end = head.head * width, (head.head + 1) * width

    def zero(projection: nn.Module, args: tuple[Tensor, ...]) -> tuple[Tensor]:
        z = args[0].clone()
        z[..., start:end] = 0
        return (z,)

    return sites.layers[head.layer].projection.register_forward_pre_hook(zero)
