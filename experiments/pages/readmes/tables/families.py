"""Blocks on families of models: which are taken, with what limits, and which are refused."""

from collections.abc import Callable

from ablation.hooks.families import CAUSAL, FAMILIES, REFUSED, Family
from ablation.models.text_model import WRAPPERS
from experiments.pages.readmes.markdown import bullets, table
from experiments.pages.readmes.stored import Stored

_KINDS: tuple[tuple[Callable[[Family], bool], str], ...] = (
    (lambda row: row.averages_values and not row.latent_values, "none"),
    (
        lambda row: row.latent_values,
        "a kept value bias, where there is one (give `exp10` `--bias remove`): values are "
        "normalised behind it",
    ),
    (
        lambda row: row.sinks,
        "a kept value bias (give `exp10` `--bias remove`), `uniform_causal`, `uniform_all`, "
        "`bos`, claim A6: attention weights do not sum to 1 (sinks)",
    ),
    (
        lambda row: row.gated,
        "the same: a gate stands between attention and z, which is zeroed behind the gate",
    ),
)
"""What tells families apart, and what is refused of them; both engines run all."""


def families(stored: Stored) -> str:
    """The families that are taken, by what is refused of them; those that are refused."""
    rows = [
        (", ".join(short(name) for name, row in FAMILIES.items() if belongs(row)), refused)
        for belongs, refused in _KINDS
    ]
    head = (f"{len(FAMILIES)} classes of models", "refused")
    by_reason: dict[str, dict[str, None]] = {}
    for name, reason in REFUSED.items():
        by_reason.setdefault(reason, {})[short(name)] = None
    reasons = [f"{', '.join(names)}: {reason}" for reason, names in by_reason.items()]
    wrappers = ", ".join(map(short, WRAPPERS))
    return (
        f"{table(head, rows)}\n\nOf multimodal checkpoints the language model is loaded, alone: "
        f"{wrappers}.\n\nNot taken:\n\n{bullets(reasons)}"
    )


def short(model_class: str) -> str:
    """What a class is called without what all of them end with."""
    for end in (*CAUSAL, "ForConditionalGeneration"):
        model_class = model_class.removesuffix(end)
    return model_class
