"""Mean ablation: z becomes its mean over a text, or over prompts."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar, Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ablation.errors import InvalidInput
from ablation.hooks.capture import capture_z, require_unablated
from ablation.hooks.sites import LayerSite, head_sites
from ablation.metrics.decoder import decoder_of
from ablation.metrics.devices import input_device
from ablation.metrics.measured_perplexity import windows
from ablation.metrics.perplexity import Bos
from ablation.modes import MEAN, MEAN_BY_POSITION
from ablation.modes.base import OfZ
from ablation.modes.description import described, mean_over_text
from ablation.modes.protocol import Replacement


@runtime_checkable
class LayerTensors(Protocol):
    """A tensor for each layer, which may be computed only when the first is asked for."""

    def __len__(self) -> int: ...

    def __getitem__(self, layer: int) -> Tensor: ...


@dataclass(frozen=True, eq=False)
class MeanAblation(OfZ):
    """Mean ablation of z: ``z[h] <- mean of z[h]`` over positions of reference texts.

    ``mean_ablation`` makes one from a text, ``mean_ablation_of_prompts`` (in ``ablation.passes``)
    from prompts. Site: the input of the output projection, as in ``ZeroAblation``; the head's
    contribution becomes one constant vector, or one for each position. The value bias adds the same
    to every z, hence to the mean: it is kept.

    When it misleads: the mean of a head that attends in a few very different ways is a z that it
    never gives; and a mean over the evaluation text itself tells the ablated model something of
    that text (Li & Janson 2409.09951). A mean by position means something only where the prompts
    are built alike, so that a position is the same part of each.

    Attributes:
        means: for each layer, mean z ``(positions, heads, head_dim)``: of each position, and last
            the mean of all, for the positions beyond; ``positions`` is 1 if there is only that.
        reference: what the mean is over, for result files.
        by_position: whether each position has a mean of its own, which is a mode of its own.
    """

    means: LayerTensors
    reference: str
    by_position: bool = False
    mode: ClassVar[str] = MEAN

    def replacement(self, site: LayerSite) -> Replacement:
        width = site.projection_width
        known = site.layer < len(self.means)
        if not known or self.means[site.layer][-1].numel() != width:
            got = tuple(self.means[site.layer].shape[-2:]) if known else "none"
            raise InvalidInput(
                f"means of layer {site.layer} with {width} values are required, got {got}: take "
                "the means of the model that is ablated"
            )
        means = self.means[site.layer]
        if len(means) == 1:
            return lambda seen: means[None]
        return lambda seen: means[seen.positions.to(means.device).clamp(max=len(means) - 1)]

    def describe(self) -> dict[str, str]:
        mode = MEAN_BY_POSITION if self.by_position else self.mode
        return described(mode, self.scope, mean_of=self.reference)


def mean_ablation(
    model: Any, ids: Int[Tensor, " tokens"], *, window: int, bos: Bos | None = None
) -> MeanAblation:
    """The mean ablation of ``model`` with the means over ``ids``, all positions of all windows.

    The model is run when the first mean is asked for: what is known already needs none.

    Raises:
        InvalidInput: the text or the window is too short.
    """
    windows(ids, window, bos)
    means = LazyTensors(lambda: [mean[None] for mean in mean_z(model, ids, window=window, bos=bos)])
    return MeanAblation(means, mean_over_text(ids.tolist(), window, bos))


class LazyTensors:
    """Tensors that are computed when the first of them is asked for."""

    def __init__(self, compute: Callable[[], Sequence[Tensor]]) -> None:
        self._tensors = cache(compute)

    def __len__(self) -> int:
        return len(self._tensors())

    def __getitem__(self, layer: int) -> Tensor:
        return self._tensors()[layer]


@torch.inference_mode()
def mean_z(
    model: Any, ids: Int[Tensor, " tokens"], *, window: int, bos: Bos | None = None
) -> tuple[Float[Tensor, "heads head_dim"], ...]:
    """For each layer the mean of z over all positions of all windows of ``ids``.

    Windows are those of ``ablation.metrics.perplexity``; sums are in float64.

    Raises:
        InvalidInput: the text or the window is too short, or heads of the model are ablated.
    """
    require_unablated(model, "means")
    layers = range(len(head_sites(model).layers))
    device = input_device(model)
    sums: dict[int, Tensor] = {}
    positions = 0
    with capture_z(model, layers) as z:
        for part in windows(ids, window, bos):
            decoder_of(model)(input_ids=part.ids[None].to(device), use_cache=False)
            for layer in layers:
                # Not on the device: some (MPS) know no float64.
                total = z[layer][0].cpu().double().sum(0)
                sums[layer] = sums[layer] + total if layer in sums else total
            positions += part.ids.numel()
    return tuple((sums[layer] / positions).float().to(device) for layer in layers)
