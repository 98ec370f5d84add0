"""Claims A1 to A8: the QRHead ablation study on Llama-3-8B."""

from experiments.judging.claim import Bound, Claim, Criterion, HeadsAblated, Scale, Tier
from experiments.judging.study import Study

COUNTING = 0.5
"""A1: the share of a published gap from which an effect still counts as that effect (ours). Less is
nearer to none than to the published one. To come closer would take more filings than there are:
``experiments/judging/README.md`` has what each number of them can tell."""

LEVELS = (5, 10, 20, 30, 40, 50)
"""How many heads the study ablates."""

FEW_SHARED = 1 / 3
"""A7: Jaccard index of two sets of one size that share half of their heads (ours)."""

NEARLY_ZERO = 0.01
"""A6: what may be left of the norm of an output that is "about 0" (ours)."""

_GAPS = dict(zip(LEVELS, (0.055, 0.092, 0.137, 0.180, 0.212, 0.236), strict=True))
_TABLE = "QRHead ablation study on Llama-3-8B, table of key results"
_ZERO = HeadsAblated("zero", "prefill and decode", "none in Llama")
_EVERYWHERE = (Tier.PUBLISHED, Tier.EMBEDDED, Tier.PAPER)

_CLAIMS = (
    Claim(
        "A1",
        "asked these four questions, the model loses more without the top heads than without as "
        "many random ones, at every level",
        "qrhead",
        _TABLE,
        "gap " + ", ".join(f"{100 * gap:.1f}" for gap in _GAPS.values()) + " points",
        _ZERO,
        _EVERYWHERE,
        {
            str(level): Criterion(
                f"accuracy lost with the top {level} heads ablated, beyond that with as many "
                "control heads",
                Bound.AT_LEAST,
                gap,
                f"{100 * gap:.1f}",
                Scale.POINTS,
                null=0.0,
                counts_from=COUNTING * gap,
            )
            for level, gap in _GAPS.items()
        },
        primary=True,
    ),
    Claim(
        "A2",
        "asked these four questions, the model loses the more, the more of the top heads go",
        "qrhead",
        _TABLE,
        "6.8 → 30.8 points",
        _ZERO,
        _EVERYWHERE,
        {
            "": Criterion(
                "accuracy lost with the top 50 heads ablated, beyond that with the top 5",
                Bound.ABOVE,
                0.0,
                "24.0",
                Scale.POINTS,
            )
        },
    ),
    Claim(
        "A3",
        "asked these four questions, the model hardly loses anything without random heads",
        "qrhead",
        _TABLE,
        "≤ 7.2 points at 50 heads",
        _ZERO,
        _EVERYWHERE,
        {
            "": Criterion(
                "accuracy lost with 50 control heads ablated",
                Bound.AT_MOST,
                0.072,
                "7.2",
                Scale.POINTS,
            )
        },
    ),
    Claim(
        "A4",
        "the study's table follows from its own 32 result files",
        "qrhead",
        _TABLE,
        "top 6.8 … 30.8, random 1.3 … 7.2 points",
        None,
        (Tier.PUBLISHED,),
        {
            kind: Criterion(
                f"largest difference of the row of {kind} heads from the mean over the files",
                Bound.AT_MOST,
                0.0005,
                "0",
                Scale.POINTS,
                of_the_source=True,
            )
            for kind in ("top", "random")
        },
    ),
    Claim(
        "A5",
        "zeroing a head's output makes its contribution exactly 0",
        "qrhead",
        "QRHead ablation study, description of the ablation",
        "yes",
        _ZERO,
        (Tier.EMBEDDED, Tier.PAPER),
        {
            "": Criterion(
                "largest absolute entry of what an ablated head adds to the residual stream",
                Bound.AT_MOST,
                0.0,
                "0",
            )
        },
        instrument=True,
    ),
    # Zeroed queries alone: of logits zeroed after the mask the study itself says that they give the
    # mean of V.
    Claim(
        "A6",
        "zeroing queries makes a head's output about 0",
        "qrhead",
        "QRHead ablation study, on the code of Wu et al. 2024 (arXiv 2404.15574)",
        "about 0",
        HeadsAblated("queries zeroed", "all positions", "kept"),
        _EVERYWHERE,
        {
            "": Criterion(
                "norm of the head's output with queries zeroed, as a share of the unablated one",
                Bound.AT_MOST,
                NEARLY_ZERO,
                "0",
                Scale.PERCENT,
            )
        },
    ),
    Claim(
        "A7",
        "asked these four questions, QRHead, Wu24 and summed attention find largely different "
        "heads, all of them causal",
        "qrhead",
        "QRHead ablation study, comparison of three methods",
        "Jaccard ≈ 0.12; 30.8, 30.9, 30.8 points lost at 50 heads",
        _ZERO,
        _EVERYWHERE,
        {
            "overlap": Criterion(
                "Jaccard index of the top heads of two methods in one cell (50 in the study), mean "
                "over cells and pairs",
                Bound.BELOW,
                FEW_SHARED,
                "0.12",
            ),
            **{
                method: Criterion(
                    f"accuracy lost with the top heads of {method} ablated (50 in the study), "
                    "beyond that with as many random heads",
                    Bound.ABOVE,
                    0.0,
                    published,
                    Scale.POINTS,
                )
                for method, published in (
                    ("qrhead", "30.8 lost"),
                    ("wu24", "30.9 lost"),
                    ("summed attention", "30.8 lost"),
                )
            },
        },
    ),
    Claim(
        "A8",
        "the selected heads rank the gold paragraph first more often than other heads of the same "
        "layers",
        "qrhead",
        "Zhang et al. 2025 (arXiv 2506.09944)",
        "with all heads active",
        None,
        _EVERYWHERE,
        {
            "": Criterion(
                "recall@1 of the gold paragraph by the selected heads, beyond that by as many "
                "random heads of the same layers",
                Bound.ABOVE,
                0.0,
                "none",
                Scale.POINTS,
            )
        },
    ),
)

QRHEAD = Study("qrhead", _CLAIMS, models=("instruct", "base"))
