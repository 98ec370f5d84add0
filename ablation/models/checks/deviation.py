"""How far two ways to the same figure lie apart, and how far they may."""

from dataclasses import dataclass

import torch
from torch import Tensor

BOUNDS = {torch.float32: 1e-4, torch.float16: 1e-2, torch.bfloat16: 1e-1}
"""How far two ways to the same figure may lie apart, of the largest value: sums in another order,
through all layers. Measured on SmolLM2: 2e-6 in fp32, 0.024 in bfloat16."""

IN_A_LAYER = {torch.float32: 1e-5, torch.float16: 5e-3, torch.bfloat16: 4e-2}
"""The same of figures that one layer makes. Measured on tiny models of all families: at most 6e-7,
0.003 and 0.02; on SmolLM2 1e-6 in fp32, 0.005 in bfloat16."""


@dataclass(frozen=True)
class Checked:
    """One part of the check.

    Attributes:
        what: is the same, or should be.
        deviation: how far the two lie apart at most, of the largest value.
        in_a_layer: whether one layer makes it, and not all of them.
    """

    what: str
    deviation: float
    in_a_layer: bool = False

    def bound(self, dtype: torch.dtype) -> float:
        """How far they may, in a model of that dtype."""
        bounds = IN_A_LAYER if self.in_a_layer else BOUNDS
        return bounds.get(dtype, bounds[torch.bfloat16])


def apart(what: str, found: Tensor, expected: Tensor, *, in_a_layer: bool) -> Checked:
    """How far ``found`` lies from ``expected``, tensors of one shape."""
    expected = expected.to(found.device).float()
    largest = expected.abs().max().clamp(min=torch.finfo(torch.float32).tiny)
    deviation = float((found.float() - expected).abs().max() / largest)
    return Checked(what, deviation, in_a_layer)
