"""Linear layers through oneDNN, where torch's own choice leaves half of the machine unused.

torch multiplies fp32 matrices on a CPU with MKL, which takes AVX-512 on Intel's processors only.
oneDNN takes it wherever it is: on an AMD EPYC (Zen 5) the products of SmolLM2 run at 255 instead of
115 GFLOP/s per core. The weights stay where they are, memory-mapped, in fp32; sums run in another
order.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from ablation.metrics.devices import devices_of


class OneDnnLinear(nn.Linear):
    """A ``nn.Linear`` in fp32 on a CPU that oneDNN computes; made by ``use_onednn``.

    So it does the gradient of its input. Where one of the weights is wanted, torch computes both.
    """

    def forward(self, states: Tensor) -> Tensor:
        if not torch.is_grad_enabled():
            return _product(states, self.weight, self.bias)
        if any(parameter.requires_grad for parameter in self.parameters()):
            return super().forward(states)
        return _OfInput.apply(states, self.weight, self.bias)


def _product(states: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    return torch.ops.mkldnn._linear_pointwise(states, weight, bias, "none", [], "")


class _OfInput(torch.autograd.Function):
    """oneDNN's product, which itself has no gradient, with that of its input."""

    @staticmethod
    def forward(ctx: Any, states: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(weight)
        return _product(states, weight, bias)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slopes: Tensor) -> tuple[Tensor, None, None]:
        (weight,) = ctx.saved_tensors
        return _product(slopes, weight.t(), None), None, None


_INSTRUCTIONS = {
    "bfloat16": ("avx512_bf16", "amx_bf16", "bf16", "sve_bf16"),
    "float16": ("avx512_fp16", "amx_fp16", "fp16_arith"),
}
"""Width of numbers -> what processors call having products of them, as torch names it."""


def multiplies(dtype: str) -> bool:
    """Whether this processor has instructions for products in ``dtype``; without, they take longer.

    On an AMD EPYC with AVX2 bfloat16 ran at 5.8 GFLOP/s a core, float32 at 45 (beside other work).
    """
    can = torch.cpu.get_capabilities()
    return dtype not in _INSTRUCTIONS or any(can.get(name) for name in _INSTRUCTIONS[dtype])


def use_onednn(model: nn.Module) -> bool:
    """Lets oneDNN compute the linear layers of ``model`` where that pays; says whether it does.

    That is in inference, in fp32, on a CPU with AVX-512, unless oneDNN is switched off, see
    ``torch.backends.mkldnn.flags``.
    """
    weights = next(model.parameters())
    if (
        any(device.type != "cpu" for device in devices_of(model))
        or weights.dtype is not torch.float32
        or torch.backends.cpu.get_cpu_capability() != "AVX512"
        or not torch.backends.mkldnn.is_available()
        or not torch.backends.mkldnn.enabled
    ):
        return False
    for module in model.modules():
        if type(module) is nn.Linear:
            module.__class__ = OneDnnLinear
    return True
