"""Weights from which a head's part can be read: all of them, and no other than they seem.

transformers computes with quantised weights, lays adapters over a model or beside it, and leaves
out what a class has no place for. Heads would then be others than those of the files.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ablation.errors import InvalidInput, shortened

_BUFFER = re.compile(r"\.(attn|attention)\.((masked_)?bias|causal_mask)$|rotary_emb\.")
"""Masks and frequencies that older versions of transformers kept among the weights."""


def _place(key: str, modules: Mapping[str, Any], prefix: str) -> str:
    """The innermost module that a weight called ``key`` is in, by its name."""
    # Some checkpoints have the names of the decoder alone.
    for name in (key, f"{prefix}.{key}"):
        while name not in modules:
            name = name.rpartition(".")[0]  # "" is the model
        if name not in ("", prefix):
            return name
    return ""


def _names_in_lists(modules: Mapping[str, Any]) -> Iterator[str]:
    """The weights in the layers of a model, after the number of the layer."""
    from torch import nn  # not above: what is refused before it is fetched needs no torch

    for module in modules.values():
        if isinstance(module, nn.ModuleList):
            yield from (name for name, _ in module.named_parameters())


def refuse_adapter(directory: Path) -> None:
    """Refuses a directory with an adapter, alone or beside its model.

    Raises:
        InvalidInput: there is one.
    """
    if (directory / "adapter_config.json").is_file():
        # Beside a whole model transformers leaves it out, or loads it unmerged.
        raise InvalidInput(
            f"{directory}: a model without an adapter is required, and here is one "
            "(adapter_config.json): merge it with its base model first (peft: merge_and_unload, "
            "save_pretrained)"
        )


def refuse_own_code(directory: Path, error: Exception) -> None:
    """Refuses a model that transformers would run code of, if that is what its ``error`` says.

    Raises:
        InvalidInput: it is.
    """
    if "trust_remote_code" in str(error):
        raise InvalidInput(
            f"{directory}: a class of transformers is required, and this model brings code of its "
            "own (auto_map in config.json), which is never run: convert it"
        ) from None


def refuse_quantised(directory: Path, config: Mapping[str, Any]) -> None:
    """Refuses what ``config.json`` of quantised weights holds.

    Raises:
        InvalidInput: it is that.
    """
    parts = [config, *(part for part in config.values() if isinstance(part, dict))]
    for part in parts:
        quantised = part.get("quantization_config")
        if quantised:
            method = quantised
            if isinstance(quantised, dict):
                method = quantised.get("quant_method") or next(iter(quantised))  # as load_in_8bit
            raise InvalidInput(
                f"{directory}: weights that are not quantised are required, and these are (by "
                f"{shortened(method)}): give a copy in float32, bfloat16 or float16"
            )


def refuse_left_out(model: Any, directory: Path, keys: Iterable[str]) -> None:
    """Refuses weights of ``directory`` that ``model`` was loaded without, and should not be.

    These are parts of modules that it has, and layers like those that it has. Other modules are
    others' (images, layers for drafts).

    Args:
        model: the model.
        directory: where its files lie.
        keys: what was in the files and is no weight of the model, under its names.

    Raises:
        InvalidInput: there are some.
    """
    from torch import nn

    from ablation.metrics.decoder import decoder_of

    modules = dict(model.named_modules())
    of_layer = {name.split(".", 1)[1] for name in _names_in_lists(modules)}
    surplus: dict[str, set[str]] = defaultdict(set)
    left_out = []
    for key in sorted(keys):
        place = _place(key, modules, model.base_model_prefix)
        if _BUFFER.search(key) or modules[place] in (model, decoder_of(model)):
            continue
        if isinstance(modules[place], nn.ModuleList):
            layer, _, name = key.removeprefix(f"{place}.").partition(".")
            surplus[f"{place}.{layer}"].add(name)
        else:
            left_out.append(key)
    # A whole layer like the others was cut off; one for drafts has weights of its own kind.
    left_out += [layer for layer, names in surplus.items() if names <= of_layer]
    if left_out:
        raise InvalidInput(
            f"{directory}: weights that the model of config.json has are required, and "
            f"{len(left_out)} would be left out, the first is {left_out[0][:120]!r}: merge an "
            "adapter, convert quantised weights, or give the config of these"
        )
