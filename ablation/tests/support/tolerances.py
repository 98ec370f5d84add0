"""How far apart two computations of the same number may lie, and why."""

import torch

SAME_COMPUTATION = 2e-6
"""fp32, the same products summed in another order on tiny models, in units of the largest value.

A sum's rounding grows with its terms, not with what is left of them: on an AMD processor logits
of up to 4 that a prompt gives at once and token by token lay 2.9e-6 apart, at single values.
"""

REAL_MODEL_LOGITS = 1e-4
"""fp32 logits of a 30-layer model under two implementations of attention (eager and sdpa)."""

REAL_MODEL_PERPLEXITY = {"rel": 1e-4}
"""fp32 perplexities of the same two implementations: hundreds of such logits averaged."""


def assert_same(
    actual: torch.Tensor, expected: torch.Tensor, tolerance: float | None = None
) -> None:
    """They are the same but for ``tolerance``, or else for ``SAME_COMPUTATION``."""
    if tolerance is None:
        finite = expected[expected.isfinite()]
        largest = finite.abs().max().item() if finite.numel() else 0.0
        tolerance = SAME_COMPUTATION * max(1.0, largest)
    torch.testing.assert_close(actual, expected, rtol=0, atol=tolerance)
