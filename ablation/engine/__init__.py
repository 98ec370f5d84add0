"""The two ways to run a model under many sets of ablated heads, behind one interface.

``fast`` runs each layer once for all sets of heads that agree so far (``layers``, ``head_sets``,
``walk``, ``sweep``), drafts answers (``drafted``, ``row_cache``), and has oneDNN multiply
(``linear``). ``reference`` runs the whole model anew for every set: perplexity and ``generate``
under a ``HeadAblator``.
"""

from dataclasses import dataclass

from ablation.errors import InvalidInput
from ablation.passes import ACTIVATION_MIB

FAST, REFERENCE = "fast", "reference"
ENGINE_NAMES = (FAST, REFERENCE)

VERSIONS = {FAST: 1, REFERENCE: 1}
"""Raised whenever a change of an engine changes figures."""


@dataclass(frozen=True)
class EngineChoice:
    """Which engine, and what it may hold in memory.

    Attributes:
        name: one of ``ENGINE_NAMES``.
        activation_mib: MiB for the activations that sets of heads, and prompts that begin alike,
            share; what finds no room there is computed for each.

    Raises:
        InvalidInput: the name is unknown, or the memory negative.
    """

    name: str = FAST
    activation_mib: int = ACTIVATION_MIB

    @property
    def version(self) -> int:
        return VERSIONS[self.name]

    def __post_init__(self) -> None:
        if self.name not in ENGINE_NAMES:
            raise InvalidInput(
                f"unknown engine {self.name!r}: choose one of {', '.join(ENGINE_NAMES)}"
            )
        if self.activation_mib < 0:
            raise InvalidInput(
                f"the memory for activations must be at least 0 MiB, got {self.activation_mib}"
            )
