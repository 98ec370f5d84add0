"""What the attention of one layer is given in one forward pass, and the weights that come of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor


@dataclass(frozen=True)
class AttentionCall:
    """The attention of one layer in one forward pass.

    Attributes:
        layer: its number, from 0.
        query: after position encoding; that of ALiBi takes numbers more of each query and key.
        key, value: of the cached tokens, as far as a sliding window keeps them, and of the rows.
        mask: True (or 0) where a row may look; None: at all keys up to itself.
        scaling: what the logits are multiplied with; NaN where a method of the family's own does
            it, see ``weights``.
        place: where the first of the rows stands among those of the pass.
        key_places: where the keys stand among those of the pass; None where a layout does not say.
        bent: has the kernel itself compute the weights, where they are more than a softmax of
            masked and scaled products; None: they are not.
    """

    layer: int
    query: Float[Tensor, "batch heads rows head_dim"]
    key: Float[Tensor, "batch kv_heads keys head_dim"]
    value: Float[Tensor, "batch kv_heads keys value_dim"]
    mask: Tensor | None
    scaling: float
    place: int = 0
    key_places: Int[Tensor, " keys"] | None = None
    bent: Callable[[], Tensor] | None = None

    @property
    def is_prefill(self) -> bool:
        """Whether there is nothing before the rows."""
        return self.query.shape[2] == self.key.shape[2]

    @property
    def visible(self) -> Bool[Tensor, "mask_rows 1 rows keys"]:
        """Which keys each row may look at; the same for every head."""
        rows, keys = self.query.shape[2], self.key.shape[2]
        if self.mask is None:
            ones = torch.ones(rows, keys, dtype=torch.bool, device=self.key.device)
            return ones.tril(keys - rows)[None, None]
        mask = self.mask[..., :keys]
        return mask if mask.dtype == torch.bool else mask == 0

    def weights(
        self, rows: Sequence[int] | slice = slice(None)
    ) -> Float[Tensor, "batch heads some_rows keys"]:
        """The softmax weights, in fp32: these rows' part of the attention matrix.

        Where a head may rest on nothing (attention sinks) they sum to less than 1.
        """
        if self.bent is not None:
            return self.bent()[:, :, rows].float()
        groups = self.query.shape[1] // self.key.shape[1]
        # Grouped queries against their shared key, without repeating the key in memory.
        grouped = self.query[:, :, rows].unflatten(1, (self.key.shape[1], groups)).float()
        logits = torch.einsum("bkgqd,bksd->bkgqs", grouped, self.key.float()).flatten(1, 2)
        hidden = ~self.visible[:, :, rows]
        return (logits * self.scaling).masked_fill(hidden, -torch.inf).softmax(dim=-1)
