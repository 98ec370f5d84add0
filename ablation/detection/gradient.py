"""Head importance by gradient (Michel, Levy & Neubig 2019, arXiv 1905.10650, section 4.1)."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from ablation.errors import ComputationError, InvalidInput
from ablation.hooks.sites import head_sites
from ablation.metrics.devices import input_device, waits
from ablation.metrics.measured_perplexity import windows
from ablation.metrics.perplexity import Bos
from ablation.passes.known_tokens import check_known
from ablation.prompts.prompt import Prompt


def gradient_scores(model: Any, prompt: Prompt) -> Float[Tensor, "layers heads"]:
    """|∂L/∂ξ_h| of every head on one prompt, L the mean NLL of the true answer.

    The answer is in the tokens that the model itself would write (``Prompt.answer``).

    ξ_h is a gate at z of head h, at all positions, and 1: z[h] ↦ ξ_h·z[h]. So ∂L/∂ξ_h is the slope
    of the loss at the beginning of the way to zero ablation, and one backward pass gives it for all
    heads. It says nothing of how the loss goes on: a head that is saved by another, or whose
    removal is far from its present value, is misjudged.

    Raises:
        ComputationError: the loss or a gradient is not finite.
    """
    ids = torch.tensor([prompt.ids + prompt.answer], device=input_device(model))
    return importance(model, ids, len(prompt.answer))


def gradient_scores_of_text(
    model: Any, ids: Int[Tensor, " tokens"], *, window: int, bos: Bos | None = None
) -> Float[Tensor, "layers heads"]:
    """|∂L/∂ξ_h| of every head on a text, averaged over its windows; L the mean NLL of a window.

    Windows weigh as many tokens as are predicted in them, as in a perplexity: the last one is often
    shorter.

    Args:
        model: a causal language model of transformers.
        ids: token ids of the whole text.
        window: tokens per window, as in ``ablation.metrics.perplexity``.
        bos: what windows begin with; nothing but the text without it.

    Raises:
        InvalidInput: the text or the window is too short.
        ComputationError: the loss or a gradient is not finite.
    """
    parts = windows(ids, window, bos)
    device = input_device(model)
    of_windows = [
        importance(model, part.ids[None].to(device), part.predicted).double() * part.predicted
        for part in parts
    ]
    return torch.stack(of_windows).sum(dim=0) / sum(part.predicted for part in parts)


def importance(
    model: Any, ids: Int[Tensor, "1 tokens"], predicted: int
) -> Float[Tensor, "layers heads"]:
    """|∂L/∂ξ_h| of every head, L the mean NLL of the last ``predicted`` tokens.

    Relative to the paper: scores are not normalised layer by layer. Memory is linear in the number
    of tokens: activations of all layers are kept for the backward pass.

    Raises:
        InvalidInput: weights of the model wait in the CPU's memory, see ``metrics.devices``; or as
            ``check_known``.
        ComputationError: the loss or a gradient is not finite.
    """
    check_known(model, ids.tolist())
    if waits(model):
        # The backward pass needs them again, so that all would stay on the GPU after all.
        raise InvalidInput(
            "detection by gradient requires weights that stay on their devices, and some of this "
            "model wait in the CPU's memory: use another method, --dtype bfloat16, or more GPUs"
        )
    with _gates(model) as gates, torch.enable_grad():
        logits = model(input_ids=ids, use_cache=False, logits_to_keep=predicted + 1).logits
        loss = functional.cross_entropy(logits[0, :-1].float(), ids[0, -predicted:])
        (slopes,) = torch.autograd.grad(loss, gates)
    if not (torch.isfinite(loss) and torch.isfinite(slopes).all()):
        raise ComputationError("the loss or its gradient is not finite: try --dtype float32")
    return slopes.abs().cpu()


@contextmanager
def _gates(model: Any) -> Iterator[Float[Tensor, "layers heads"]]:
    """Ones that z of every head is multiplied with, and that gradients can be taken of."""
    sites = head_sites(model)
    shape = sites.grid.layers, sites.grid.widest
    gates = torch.ones(*shape, device=input_device(model), requires_grad=True)
    frozen = [parameter for parameter in model.parameters() if parameter.requires_grad]
    handles = []

    def hook_of(layer: int) -> Any:
        def hook(projection: Any, args: tuple[Tensor]) -> tuple[Tensor]:
            heads = sites.layers[layer].heads
            z = args[0].unflatten(-1, (heads, -1))
            return ((z * gates[layer, :heads, None].to(z)).flatten(-2),)

        return hook

    try:
        # Gradients of the weights would be thrown away.
        for parameter in frozen:
            parameter.requires_grad_(False)
        for site in sites.layers:
            handles.append(site.projection.register_forward_pre_hook(hook_of(site.layer)))
        yield gates
    finally:
        for handle in handles:
            handle.remove()
        for parameter in frozen:
            parameter.requires_grad_(True)
