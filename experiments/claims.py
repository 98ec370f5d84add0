"""The claims that are judged: what each says, where it is published, with which figures."""

from collections.abc import Mapping
from dataclasses import dataclass

LEVELS = (5, 10, 20, 30, 40, 50)
"""How many heads the QRHead ablation study ablates."""


@dataclass(frozen=True)
class Claim:
    """A falsifiable statement of a study.

    Attributes:
        id: its name in tables and reports.
        statement: what is claimed, one sentence.
        published: the published figure, as a reader of the study finds it.
    """

    id: str
    statement: str
    published: str


PUBLISHED_GAP: Mapping[int, float] = dict(
    zip(LEVELS, (0.055, 0.092, 0.137, 0.180, 0.212, 0.236), strict=True)
)
"""Level -> accuracy drop of the top heads minus that of as many random heads (QRHead ablation
study on Llama-3-8B, table of key results), as a fraction."""

PUBLISHED_RANDOM_DROP = 0.072
"""Accuracy drop with 50 random heads ablated, same table."""

CLAIMS: Mapping[str, Claim] = {
    claim.id: claim
    for claim in (
        Claim(
            "A1",
            "top heads hurt more than random heads, at every level",
            "gap " + ", ".join(f"{100 * gap:.1f}" for gap in PUBLISHED_GAP.values()) + " points",
        ),
        Claim("A2", "the drop grows with the level", "6.8 → 30.8 points"),
        Claim("A3", "random heads barely hurt", "≤ 7.2 points at 50 heads"),
        Claim("A5", "zeroing a head's output makes its contribution exactly 0", "yes"),
        Claim(
            "B1",
            "layer 0 dominates: 8 of the top 10 heads, mean ΔPPL over 10 times the other layers'",
            "8 of 10, 30 times",
        ),
        Claim("B2", "the effects of single heads fall as a power of the rank, α > 0.5", "1.37"),
        Claim("B3", "at least 30% of heads change PPL by less than 10% alone", "94.4%"),
        Claim(
            "B4",
            "removed together they do not stay there: few heads can go at all",
            "1.1× up to 6.9% of heads, 1.5× 17.4%, 2.0× 24.3%",
        ),
        Claim("B5", "what is cheap alone (< 10%) is not cheap together", "136 alone, 10 together"),
        Claim(
            "B6",
            "some heads improve PPL when ablated, yet ablating them jointly hurts",
            "6 heads, -1.41% summed, +1.61% joint",
        ),
        Claim(
            "B7",
            "layer importance follows the slope of g: |r| > 0.5, p < 0.05",
            "it does not: r = 0.24, p = 0.45",
        ),
        Claim(
            "B8",
            "mean ablation is milder than zero; the head that hurts most is nearly a constant bias",
            "mean 0.046 → 0.015; L0H8 2.365 → 0.0108",
        ),
    )
}
