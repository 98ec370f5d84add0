"""Linear layers through oneDNN, where torch's own choice leaves half of the machine unused.

torch multiplies fp32 matrices on a CPU with MKL, which takes AVX-512 on Intel's processors only.
oneDNN takes it wherever it is: on an AMD EPYC (Zen 5) the products of SmolLM2 run at 255 instead of
115 GFLOP/s per core. The weights stay where they are, memory-mapped, in fp32; sums run in another
order.
"""

import torch
from torch import Tensor, nn


class OneDnnLinear(nn.Linear):
    """A ``nn.Linear`` in fp32 on a CPU that oneDNN computes; made by ``use_onednn``.

    Where a gradient is wanted torch computes it: the product of oneDNN has none.
    """

    def forward(self, states: Tensor) -> Tensor:
        if torch.is_grad_enabled():
            return super().forward(states)
        return torch.ops.mkldnn._linear_pointwise(states, self.weight, self.bias, "none", [], "")


def use_onednn(model: nn.Module) -> bool:
    """Lets oneDNN compute the linear layers of ``model`` where that pays; says whether it does.

    That is in inference, in fp32, on a CPU with AVX-512.
    """
    weights = next(model.parameters())
    if (
        weights.device.type != "cpu"
        or weights.dtype is not torch.float32
        or torch.backends.cpu.get_cpu_capability() != "AVX512"
        or not torch.backends.mkldnn.is_available()
    ):
        return False
    for module in model.modules():
        if type(module) is nn.Linear:
            module.__class__ = OneDnnLinear
    return True
