"""The options that change what a run computes: by them runs and stored verdicts are told apart."""

from collections.abc import Iterable, Mapping
from typing import Any

from ablation.filings.synthetic import DEFAULT_COUNT
from ablation.models.registry import DTYPES
from ablation.modes import BiasPolicy

USUAL = {
    "filings": None,
    "ground_truth": None,
    "prompt_style": None,
    "site": None,
    "tokens": None,
    "control_draws": 1,
    "synthetic": DEFAULT_COUNT,
    "folds": None,
    "text": None,
    "max_tokens": None,
    "window": None,
    "bos": None,
    "bias": BiasPolicy.KEEP.value,
    "device": "cpu",
    "dtype": DTYPES[0],
}
"""Such options, beside the model, and what they are by default."""


def changed_options(options: Mapping[str, Any]) -> tuple[str, ...]:
    """What makes a run compute other things than a default run: words of pytest's command line.

    Args:
        options: name -> value; those that are not in ``USUAL`` change nothing.
    """
    return tuple(
        f"--{name.replace('_', '-')}={','.join(map(str, v)) if isinstance(v, tuple) else v}"
        for name, usual in USUAL.items()
        if (v := options.get(name, usual)) != usual
    )


def beyond_device(options: Iterable[str]) -> list[str]:
    """Such words, as ``changed_options`` gives them, without the device's.

    A result is the same one on every device: stores do not tell them apart.
    """
    return [one for one in options if not one.startswith("--device=")]
