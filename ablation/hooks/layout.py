"""How the tokens of a forward pass may lie, if not as one text in each row."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, runtime_checkable

from jaxtyping import Float, Int
from torch import Tensor

if TYPE_CHECKING:
    from ablation.hooks.attention import Kernel

MakeMask = Callable[..., Tensor | None]
"""What makes a mask of one kind for the model's kernel; its arguments are those of
``transformers.masking_utils.sdpa_mask``, all by name."""


class KeyPositions(NamedTuple):
    """Where keys stand in their texts.

    Attributes:
        keys: each of them, the same for all rows.
        ends: about where the texts of each row end. Biases by position are counted from there:
            small numbers are exact where attention is.
    """

    keys: Int[Tensor, " keys"]
    ends: Int[Tensor, " rows_or_1"]


@runtime_checkable
class Layout(Protocol):
    """How the tokens of a forward pass lie, if not as one text in each row.

    Attributes:
        key_positions: where the keys stand that a cache gives back; None: as they come.
        positions: those of the tokens that are fed; None: as they come.
    """

    @property
    def key_positions(self) -> KeyPositions | None: ...

    @property
    def positions(self) -> Int[Tensor, "rows_or_1 tokens"] | None: ...

    def mask(self, make: MakeMask, **asked: Any) -> Any:
        """What ``attend`` is to be given as the mask of one kind that the model asks for."""

    def attend(
        self, kernel: "Kernel", query: Tensor, key: Tensor, value: Tensor, mask: Any
    ) -> Float[Tensor, "batch rows heads dim"]:
        """The attention of all tokens of a layer."""
