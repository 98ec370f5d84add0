"""Weights from which a head's part can be read: all of them, and no other than they seem.

transformers computes with quantised weights, lays adapters over a model or beside it, and leaves
out what a class has no place for. Heads would then be others than those of the files.
"""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from torch import nn

from ablation.errors import InvalidInput, shortened
from ablation.metrics.decoder import decoder_of

_BUFFER = re.compile(r"\.(attn|attention)\.(masked_)?bias$|rotary_emb\.")
"""Masks and frequencies that older versions of transformers kept among the weights."""


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


def refuse_quantised(directory: Path, config: Any) -> None:
    """Refuses the config of quantised weights.

    Raises:
        InvalidInput: it is one.
    """
    parts = [config, *(getattr(config, name, None) for name in config.sub_configs)]
    for part in parts:
        quantised = getattr(part, "quantization_config", None)
        if quantised:
            said = quantised if isinstance(quantised, dict) else {}
            method = said.get("quant_method") or next(iter(said), None)  # as load_in_8bit
            raise InvalidInput(
                f"{directory}: weights that are not quantised are required, and these are (by "
                f"{shortened(method)}): give a copy in float32, bfloat16 or float16"
            )


def refuse_left_out(model: Any, directory: Path, keys: Iterable[str]) -> None:
    """Refuses weights of ``directory`` that ``model`` was loaded without, and should not be.

    These are parts of modules that it has. Whole modules that it does not have are others' (images,
    layers for drafts).

    Args:
        model: the model.
        directory: where its files lie.
        keys: what was in the files and is no weight of the model, under its names.

    Raises:
        InvalidInput: there are some.
    """
    modules = dict(model.named_modules())
    whole = (model, decoder_of(model))

    def module_of(key: str) -> Any:
        while key not in modules:
            key = key.rpartition(".")[0]  # "" is the model
        return modules[key]

    left_out = sorted(
        key
        for key in keys
        if not _BUFFER.search(key)
        and not isinstance(found := module_of(key), nn.ModuleList)
        and not any(found is one for one in whole)
    )
    if left_out:
        raise InvalidInput(
            f"{directory}: weights that the model of config.json has are required, and "
            f"{len(left_out)} would be left out, the first is {left_out[0][:120]!r}: merge an "
            "adapter, convert quantised weights, or give the config of these"
        )
