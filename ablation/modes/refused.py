"""Which modes a family of models does not allow, known from its row: nothing here imports torch."""

from ablation.hooks.families import Family
from ablation.modes import OTHER_WEIGHTS


def refused(family: Family, mode: str) -> str | None:
    """Why heads of a family cannot be ablated in a mode; None where they can."""
    if mode not in OTHER_WEIGHTS or family.averages_values:
        return None
    if family.sinks:
        return f"{mode}: attention weights of the model do not sum to 1 (sinks)"
    return f"{mode}: a gate of the model stands between attention and z"
