"""What is left of a head whose queries or whose attention logits are zeroed: the closed forms.

Equal logits are equal weights after the softmax, not none. Under the causal mask position t then
gives every position up to t the weight 1/(t + 1); if the zeros replace the mask too, every position
of the sequence gets the same, the future included. In neither case is the output zero.

The first is what zeroed queries do (a rotated zero is zero); the second what happens where logits
are zeroed after the mask was added to them. While decoding, the one query is the last position,
for which the two are the same: the mean of all values. Of the second the study says so itself; what
it claims to be about zero is the first.
"""

import numpy as np
from jaxtyping import Float


def causal_mean(values: Float[np.ndarray, "seq dim"]) -> Float[np.ndarray, "seq dim"]:
    """z_t = (v_0 + … + v_t) / (t + 1): equal logits under the causal mask."""
    return np.cumsum(values, axis=0) / np.arange(1, len(values) + 1)[:, None]


def overall_mean(values: Float[np.ndarray, "seq dim"]) -> Float[np.ndarray, "seq dim"]:
    """z_t = (v_0 + … + v_{T−1}) / T for every t: equal logits without a mask."""
    return np.broadcast_to(values.mean(axis=0), values.shape)


def masked_logits(
    queries: Float[np.ndarray, "seq dim"], keys: Float[np.ndarray, "seq dim"]
) -> Float[np.ndarray, "seq seq"]:
    """q_t·k_s/√dim, −∞ for s > t."""
    logits = queries @ keys.T / keys.shape[1] ** 0.5
    return np.where(np.tri(len(logits), dtype=bool), logits, -np.inf)


def attend(
    logits: Float[np.ndarray, "seq seq"], values: Float[np.ndarray, "seq dim"]
) -> Float[np.ndarray, "seq dim"]:
    """Softmax(logits)·values, the softmax over each row."""
    weights = np.exp(logits - logits.max(axis=1, keepdims=True))
    return weights / weights.sum(axis=1, keepdims=True) @ values
