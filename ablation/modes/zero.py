"""Zero ablation: z becomes 0, or the value bias."""

from dataclasses import dataclass, field
from typing import ClassVar

from ablation.hooks.sites import LayerSite
from ablation.modes import ZERO, BiasPolicy
from ablation.modes.base import OfZ
from ablation.modes.description import described
from ablation.modes.protocol import Replacement


@dataclass(frozen=True)
class ZeroAblation(OfZ):
    """Zero ablation of z: ``z[h] <- 0`` (or ``<- b_V[h]`` with ``BiasPolicy.KEEP``).

    Site: the input of the output projection, so that the head's contribution ``z[h] @ W_O[h]`` to
    the residual stream is exactly 0 (or its constant) and no other head of the layer is touched.
    Later layers see the changed stream.

    When it misleads: zero is off the distribution of z. A head with a large constant output can
    look indispensable although any typical value would do in its place (Zhang & Nanda 2309.16042;
    Li & Janson 2409.09951). A claim that holds under this mode holds under this mode.
    """

    bias: BiasPolicy = field(default=BiasPolicy.REMOVE, kw_only=True)
    mode: ClassVar[str] = ZERO

    def replacement(self, site: LayerSite) -> Replacement:
        if self.bias is BiasPolicy.REMOVE or site.value_bias is None:
            return lambda seen: None
        bias = site.value_bias[None, None]
        return lambda seen: bias

    def describe(self) -> dict[str, str]:
        return described(self.mode, self.scope, self.bias)
