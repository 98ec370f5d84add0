"""How far apart two computations of the same number may lie, and why."""

import torch

SAME_COMPUTATION = {"rtol": 0, "atol": 2e-6}
"""fp32, the same products summed in another order, values of order 1 on tiny models."""

REAL_MODEL_LOGITS = {"rtol": 0, "atol": 1e-4}
"""fp32 logits of a 30-layer model under two implementations of attention (eager and sdpa)."""

REAL_MODEL_PERPLEXITY = {"rel": 1e-4}
"""fp32 perplexities of the same two implementations: hundreds of such logits averaged."""


def assert_same(actual: torch.Tensor, expected: torch.Tensor, tolerance: dict = SAME_COMPUTATION):
    torch.testing.assert_close(actual, expected, **tolerance)
