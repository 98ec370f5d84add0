"""Where the heads of a model of an unknown class may be, by one forward pass without weights.

A proposal for ``--site``, and no more: whether it is right says the check of the heads.
"""

from functools import partial
from typing import Any

import torch
from torch import nn

from ablation.errors import InvalidInput
from ablation.hooks.families import CAUSAL, PATHS, REFUSED, Family, family_of
from ablation.metrics.decoder import decoder_of

TOKENS, MOST_LAYERS = 4, 200


def proposed_site(config: Any) -> str | None:
    """A site for the causal language model of ``config``; None where the pass shows none.

    Nor is there one for a config of more than 200 layers: making them takes time.
    """
    layers = getattr(config, "num_hidden_layers", None)
    if not isinstance(layers, int) or not 0 < layers <= MOST_LAYERS:
        return None
    from transformers import AutoModelForCausalLM

    try:
        with torch.device("meta"), torch.inference_mode():
            model = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16).eval()
            called: list[str] = []
            decoder = decoder_of(model)
            for name, module in decoder.named_modules():
                module.register_forward_hook(partial(_note, called, name))
            # A whole mask: to make one, families look into tensors, and these have no content.
            mask = torch.ones(1, 1, TOKENS, TOKENS, dtype=torch.bool)
            ids = torch.zeros(1, TOKENS, dtype=torch.long)
            decoder(input_ids=ids, attention_mask=mask, use_cache=False)
        found = _family(decoder, called)
    except Exception:  # of any kind: no family is like another
        return None
    if found is None:
        return None
    usual = Family()
    paths = [(name, getattr(found, name)) for name in PATHS]
    told = [f"{name}={path}" for name, path in paths if path != getattr(usual, name)]
    return ",".join(told or [f"attention={usual.attention}", f"projection={usual.projection}"])


def _note(called: list[str], name: str, *call: Any) -> None:
    called.append(name)


def _family(decoder: nn.Module, called: list[str]) -> Family | None:
    """The modules that look like what a row names, among those that were called, in their order."""
    lists = [
        name
        for name, module in decoder.named_modules()
        if isinstance(module, nn.ModuleList) and f"{name}.0" in called
    ]
    if not lists:
        return None
    layers = lists[0]
    block = decoder.get_submodule(f"{layers}.0")
    attentions = [
        name
        for name, module in block.named_modules()
        if "attention" in type(module).__name__.lower()
    ]
    # The innermost: some wrap it.
    attention = max(attentions, key=lambda name: name.count("."), default=None)
    behind = [name for name in called if "." not in name and name != layers and name]
    if attention is None or not behind:
        return None
    inside = f"{layers}.0.{attention}."
    products = [
        name.removeprefix(inside)
        for name in called
        if name.startswith(inside)
        and hasattr(decoder.get_submodule(name), "weight")
        and decoder.get_submodule(name).weight.ndim == 2
    ]
    return Family(layers, attention, products[-1], behind[-1]) if products else None


def require_row(model_class: str, config: Any) -> None:
    """Refuses a class without a row, with a proposal of where its heads may be.

    Args:
        model_class: of transformers, by name.
        config: of the model.

    Raises:
        InvalidInput: it has none.
    """
    import transformers

    try:
        family_of(model_class)
    except InvalidInput as error:
        causal = model_class.endswith(CAUSAL)
        causal = causal and hasattr(transformers, model_class)
        site = proposed_site(config) if causal and model_class not in REFUSED else None
        if site is None:
            raise
        raise InvalidInput(f"{error}; perhaps --site {site}") from None
