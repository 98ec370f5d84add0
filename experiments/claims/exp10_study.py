"""Claims B1 to B8: Experiment 10, head ablation on GPT-2 small."""

from collections.abc import Mapping

from experiments.judging.claim import Bound, Claim, Criterion, HeadsAblated, Scale, Tier
from experiments.judging.study import Study

CONSTANT_SHARE = 0.01
"""B8: what mean ablation may leave of the effect of a head that is nearly a constant bias (ours);
the published L0H8 keeps 0.0108 of 2.365, less than half of it."""

TOP_HEADS = 10
"""B1: how many of the largest effects are looked at."""

CHEAP, CHEAP_SHARE = 0.10, 0.30
"""B3 to B5: |ΔPPL| below which a head is cheap alone; the share of heads that is claimed to be."""

WITHIN: Mapping[float, float] = {1.1: 10 / 144, 1.5: 25 / 144, 2.0: 35 / 144}
"""B4: ratio to the unablated perplexity -> largest share of GPT-2's heads removed within it, on
the study's steps: 10 of 144 is within 1.1×, 15 is not."""

_REPORT = "Experiment 10 on GPT-2 small"
_ZERO = HeadsAblated("zero", "all positions", "kept, as the study's tool folds it")
_EVERYWHERE = (Tier.PUBLISHED, Tier.EMBEDDED, Tier.PAPER)

_CLAIMS = (
    Claim(
        "B1",
        "layer 0 dominates",
        "exp10",
        f"{_REPORT}, ten largest effects and means of layers",
        "8 of the top 10 heads; mean ΔPPL 30 times the other layers'",
        _ZERO,
        _EVERYWHERE,
        {
            "top heads": Criterion(
                f"heads of layer 0 among the {TOP_HEADS} of the largest |ΔPPL|",
                Bound.AT_LEAST,
                8,
                "8",
            ),
            "mean": Criterion(
                "mean ΔPPL of layer 0 over that of the other layers",
                Bound.ABOVE,
                10,
                "30",
                Scale.TIMES,
            ),
        },
    ),
    Claim(
        "B2",
        "fitted by a power of their rank, the effects of single heads fall with α > 0.5",
        "exp10",
        f"{_REPORT}, criterion 2",
        "α = 1.37",
        _ZERO,
        _EVERYWHERE,
        {
            "": Criterion(
                "α of the least-squares fit of C·rank^−α to |ΔPPL|", Bound.ABOVE, 0.5, "1.37"
            )
        },
    ),
    Claim(
        "B3",
        "at least 30% of heads change PPL by less than 10% alone",
        "exp10",
        f"{_REPORT}, criterion 1",
        "94.4%",
        _ZERO,
        _EVERYWHERE,
        {
            "": Criterion(
                "share of heads with |ΔPPL| < 10%",
                Bound.AT_LEAST,
                CHEAP_SHARE,
                "94.4",
                Scale.PERCENT,
            )
        },
    ),
    # Primary in place of B3, which can hardly fail: in a model of any size most heads change little
    # alone. That it cannot be added up is the report's own finding, and could be otherwise.
    Claim(
        "B4",
        "removed together they do not stay there: few heads can go at all",
        "exp10",
        f"{_REPORT}, cumulative removal",
        "1.1× up to 6.9% of heads, 1.5× 17.4%, 2.0× 24.3%",
        _ZERO,
        _EVERYWHERE,
        {
            "share": Criterion(
                "perplexity with the least important 30% of heads ablated, over the unablated one",
                Bound.ABOVE,
                1 + CHEAP,
                "2.0 at 40 heads",
                Scale.TIMES,
            ),
            **{
                f"within {ratio}": Criterion(
                    f"share of heads removed, on the study's steps, within {ratio}×",
                    Bound.AT_MOST,
                    share,
                    f"{100 * share:.1f}",
                    Scale.PERCENT,
                )
                for ratio, share in WITHIN.items()
            },
        },
        primary=True,
    ),
    # Not the perplexity itself: where nearly all heads are cheap alone, all of them together could
    # not be cheap. That effects do not add up could be otherwise.
    Claim(
        "B5",
        "heads that are cheap alone (|ΔPPL| < 10%) cost more together than they do in sum",
        "exp10",
        f"{_REPORT}, statistics and cumulative removal",
        "136 alone, 10 together",
        _ZERO,
        _EVERYWHERE,
        {
            "": Criterion(
                "ln(PPL / unablated) with all heads that are cheap alone ablated, less its sum "
                "over each of them",
                Bound.ABOVE,
                0.0,
                "> 3.2 together",
            )
        },
    ),
    Claim(
        "B6",
        "some heads improve PPL when ablated, yet ablating them jointly hurts",
        "exp10",
        f"{_REPORT}, follow-up",
        "6 heads, −1.41% summed, +1.61% joint",
        _ZERO,
        _EVERYWHERE,
        {
            "some": Criterion("heads with ΔPPL < 0 alone", Bound.ABOVE, 0, "6"),
            "joint": Criterion(
                "ΔPPL of the heads that help alone, ablated together",
                Bound.ABOVE,
                0.0,
                "+1.6",
                Scale.PERCENT,
            ),
        },
    ),
    Claim(
        "B7",
        "layer importance follows the slope of g: r > 0.5, p < 0.05",
        "exp10",
        f"{_REPORT}, criterion 3",
        "it does not: r = 0.24, p = 0.45",
        _ZERO,
        _EVERYWHERE,
        {
            "": Criterion(
                "r between a layer's mean ΔPPL and dg/d(l/L), whichever layer is left out",
                Bound.ABOVE,
                0.5,
                "0.24",
            )
        },
    ),
    Claim(
        "B8",
        "mean ablation is milder than zero; the head that hurts most is nearly a constant bias",
        "exp10",
        f"{_REPORT}, follow-up",
        "mean 0.046 → 0.015; L0H8 2.365 → 0.0108",
        HeadsAblated("mean against zero", "all positions", "kept"),
        _EVERYWHERE,
        {
            "milder": Criterion(
                "mean |ΔPPL| under mean ablation, minus that under zero ablation",
                Bound.BELOW,
                0.0,
                "-3.1",
                Scale.PERCENT,
            ),
            "constant": Criterion(
                "|ΔPPL| of the head that hurts most under zero ablation: mean over zero",
                Bound.BELOW,
                CONSTANT_SHARE,
                "0.5",
                Scale.PERCENT,
            ),
        },
    ),
)

EXP10 = Study("exp10", _CLAIMS, models=("gpt2",))
