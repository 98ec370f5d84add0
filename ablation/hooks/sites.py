"""Where the heads of a model are: the modules of each layer, and what z is there.

The site of a head is z, its slice of the *input* of the attention's output projection. A slice of
the projection's output is not a head: every head is spread over all of it.

Which modules these are says the model's row in ``ablation.hooks.families``.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ablation.errors import InvalidInput, first_line, shortened
from ablation.heads import HeadGrid
from ablation.hooks.families import Family, family_of
from ablation.metrics.decoder import decoder_of
from ablation.metrics.devices import input_device, with_values


@dataclass(frozen=True)
class LayerSite:
    """The heads of one layer.

    Attributes:
        layer: its number, from 0.
        block: the whole layer; the residual stream is what goes into it and comes out.
        attention: its attention module.
        projection: the output projection; its input ``(batch, seq, heads * head_dim)`` is z.
        heads: how many query heads it has; layers may differ.
        family: the row of the model's class.
        value_biases: measures those of all layers, ``(heads, head_dim)`` each.
    """

    layer: int
    block: nn.Module
    attention: nn.Module
    projection: nn.Module
    heads: int
    family: Family
    value_biases: Callable[[], Sequence[Tensor]] = field(repr=False)

    @property
    def projection_width(self) -> int:
        """How many values z has at a position, over all heads."""
        return _input_width(self.projection)

    @property
    def head_dim(self) -> int:
        """How many values a head has at a position."""
        return self.projection_width // self.heads

    @property
    def value_bias(self) -> Float[Tensor, "heads head_dim"] | None:
        """The constant that every token's value adds to z; None for 0.

        Attention weights sum to 1, so it arrives in z unchanged.

        Raises:
            InvalidInput: they do not sum to 1, or a gate stands behind them, and it is not 0: what
                it adds is no constant.
        """
        bias = self.value_biases()[self.layer]
        if not bias.any():
            return None
        if self.family.latent_values:
            raise InvalidInput(
                "a value bias that is kept must be the same in every z, and "
                f"{type(self.attention).__name__} normalises values behind it: use mean or "
                "resample ablation, or zero with --bias remove"
            )
        self.require_mean_of_values("a value bias that is kept", "zero with --bias remove")
        return bias

    def require_mean_of_values(self, wanted: str, zero: str = "zero") -> None:
        """Refuses ``wanted``, which needs z to be a mean of values.

        Raises:
            InvalidInput: weights do not sum to 1, or a gate stands behind them.
        """
        if self.family.averages_values:
            return
        of = type(self.attention).__name__
        if self.family.sinks:
            required = "attention weights that sum to 1"
            found = f"the heads of {of} may attend to nothing (attention sinks)"
        else:
            required, found = "z as attention gives it", f"a gate of {of} stands behind it"
        raise InvalidInput(
            f"{wanted} requires {required}, and {found}: use mean or resample ablation, or {zero}"
        )


@dataclass(frozen=True)
class HeadSites:
    """The head sites of a model: ``grid``, one ``LayerSite`` per layer.

    Attributes:
        family: the row of the model's class.
        decoder: the model without its output embedding.
        final_norm: the normalisation between the last layer and the output embedding.
        grid: layers and heads.
        layers: where the heads of each layer are.
    """

    family: Family
    decoder: nn.Module
    final_norm: nn.Module
    grid: HeadGrid
    layers: tuple[LayerSite, ...]

    def output_weight(self, layer: int) -> Float[Tensor, "heads head_dim hidden"]:
        """W_O of ``layer``: the head's contribution to the residual stream is ``z[h] @ W_O[h]``."""
        projection: Any = self.layers[layer].projection
        with with_values(projection):
            weight = projection.weight
        # nn.Linear stores (out, in); GPT-2's Conv1D stores (in, out).
        weight = weight.T if _is_linear(projection) else weight
        return weight.unflatten(0, (self.layers[layer].heads, -1))

    def output_bias(self, layer: int) -> Float[Tensor, " hidden"] | None:
        """What the output projection of ``layer`` adds to the sum of its heads' contributions."""
        projection = self.layers[layer].projection
        with with_values(projection):
            return getattr(projection, "bias", None)


def _is_linear(projection: Any) -> bool:
    """Whether it is built as ``nn.Linear``; else as the Conv1D of GPT-2."""
    return hasattr(projection, "in_features")


def _input_width(projection: Any) -> int:
    return projection.in_features if _is_linear(projection) else projection.nx


def use_family(model: Any, family: Family) -> None:
    """Has the heads of ``model`` where ``family`` says, whatever its class."""
    model.headclaims_family = family


def is_told_where(model: Any) -> bool:
    """Whether ``use_family`` was told where the heads of ``model`` are."""
    return hasattr(model, "headclaims_family")


def family_of_model(model: Any) -> Family:
    """What ``use_family`` was given for this model, or else the row of its class.

    Raises:
        InvalidInput: as ``family_of``.
    """
    return getattr(model, "headclaims_family", None) or family_of(type(model).__name__)


def head_sites(model: Any) -> HeadSites:
    """Finds the head sites of a causal language model of transformers.

    A head's width is that of the projection's input over the number of query heads, layer by layer:
    hidden size // heads is wrong for models that choose their head_dim freely.

    Raises:
        InvalidInput: the model's class has no row in the table, or it is built otherwise than its
            row says.
    """
    family, decoder = family_of_model(model), decoder_of(model)
    modules = []
    try:
        final_norm = decoder.get_submodule(family.final_norm)
        for block in decoder.get_submodule(family.layers):
            attention = block.get_submodule(family.attention)
            modules.append((block, attention, attention.get_submodule(family.projection)))
        if not modules:
            raise IndexError("it has no layers")
        heads = [_heads_of(model, layer) for layer in range(len(modules))]
        widths = [_input_width(projection) for _, _, projection in modules]
    except (AttributeError, TypeError, IndexError) as error:
        # Such as OPT-350m, which normalises after each layer and has nothing behind the last.
        raise InvalidInput(
            f"this {type(model).__name__} has no heads where its family's row, or --site, says "
            f"({first_line(error)}): take another model of the family, or correct --site"
        ) from None
    for layer, (width, of_layer) in enumerate(zip(widths, heads, strict=True)):
        if width % of_layer:
            raise InvalidInput(
                f"{type(model).__name__}: the output projection of layer {layer} takes {width} "
                f"inputs, which is not a multiple of its {of_layer} query heads"
            )
    rows = [(block, part, of) for (block, _, part), of in zip(modules, heads, strict=True)]
    biases = cache(partial(_value_biases, decoder, rows))
    layers = (LayerSite(n, *of, heads[n], family, biases) for n, of in enumerate(modules))
    return HeadSites(family, decoder, final_norm, HeadGrid(tuple(heads)), tuple(layers))


def _heads_of(model: Any, layer: int) -> int:
    """How many query heads a layer has: as its config says for each, or for all."""
    heads = getattr(model.config, "num_attention_heads", None)
    heads = getattr(model.config, "num_attention_heads_per_layer", None) or heads
    if isinstance(heads, (list, tuple)) and layer < len(heads):
        heads = heads[layer]
    if not isinstance(heads, int) or heads < 1:
        raise InvalidInput(
            f"a number of heads for every layer is required, and the config of this "
            f"{type(model).__name__} has {shortened(heads)}: take another model"
        )
    return heads


@torch.no_grad()
def _value_biases(decoder: Any, layers: Sequence[tuple[nn.Module, nn.Module, int]]) -> list[Tensor]:
    """What attention makes of nothing, layer by layer: z of one token whose residual stream is 0.

    The normalisation ahead of attention leaves its bias of a stream that is 0, and a single token
    attends to itself alone. So z is what the value projection makes of that bias, however the
    family lays out its weights.

    Args:
        decoder: the model without its output embedding.
        layers: of each layer the block, the output projection and how many heads it has.
    """
    found: list[Tensor] = []

    def nothing(block: Any, args: tuple, kwargs: dict) -> tuple[tuple, dict]:
        if args:
            return (torch.zeros_like(args[0]), *args[1:]), kwargs
        return args, {**kwargs, "hidden_states": torch.zeros_like(kwargs["hidden_states"])}

    def note(projection: Any, args: tuple[Tensor]) -> None:
        heads = layers[len(found)][2]
        found.append(args[0][0, 0].unflatten(-1, (heads, -1)).clone())

    with ExitStack() as stack:
        for block, projection, _ in layers:
            hook = block.register_forward_pre_hook(nothing, with_kwargs=True)
            stack.callback(hook.remove)
            # Alone: an open ablator's hook would count this as a pass of its own.
            stack.callback(setattr, projection, "_forward_pre_hooks", projection._forward_pre_hooks)
            projection._forward_pre_hooks = OrderedDict()
            projection.register_forward_pre_hook(note)
        device = input_device(decoder)
        # Not the module itself: hooks of the decoder count the passes of an ablator.
        decoder.forward(input_ids=torch.zeros(1, 1, dtype=torch.long, device=device))
    return found
