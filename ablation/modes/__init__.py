"""The modes of ablation: what takes the place of z, each a frozen dataclass in a file of its own.

Nothing but z of the ablated heads is ever replaced. ``protocol`` says what an ablation is. What
they are called stands here, and how they are written down in ``description``, so that a result can
be looked up without torch.
"""

from enum import StrEnum

ZERO, MEAN, MEAN_BY_POSITION, RESAMPLE, UNIFORM_CAUSAL, UNIFORM_ALL, BOS = MODES = (
    "zero",
    "mean",
    "mean_by_position",
    "resample",
    "uniform_causal",
    "uniform_all",
    "bos",
)

OTHER_WEIGHTS = (UNIFORM_CAUSAL, UNIFORM_ALL, BOS)
"""Modes in which a head keeps its values and is given other attention weights."""


class Scope(StrEnum):
    """Which positions of which forward passes are ablated."""

    ALL = "all"
    """Every position, in prefill and in decoding (the QRHead ablation study)."""

    DECODE = "decode"
    """Only what is fed on top of a non-empty key-value cache (Wu et al. 2024, arXiv 2404.15574).
    The first token of an answer is then still the unablated model's. Without a cache nothing is
    decoding, and ``HeadAblator`` raises instead of doing nothing."""

    LAST = "last"
    """The positions that tokens of the answer are read from: the last one of the prompt, and all of
    decoding. What the ablated heads wrote at earlier positions stays."""


class BiasPolicy(StrEnum):
    """Whether the value bias, a constant that every token adds to z, is part of what is removed.

    It is the bias of the value projection plus, where the normalisation ahead of the attention has
    a bias (GPT-2's LayerNorm), what the value weights make of that. Models without either (Llama,
    Mistral, Qwen3) give the same under both policies.
    """

    REMOVE = "remove"
    """z becomes exactly 0: TransformerBridge's ``hook_z`` zeroing."""

    KEEP = "keep"
    """z becomes the value bias: ``hook_z`` zeroing in TransformerLens's compatibility mode, the
    default of old, which folds the normalisation into b_V and b_V into b_O before a head is
    zeroed. The exp10 study reports this."""
