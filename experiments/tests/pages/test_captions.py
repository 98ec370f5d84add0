"""What captions say of how sure figures are."""

from experiments.pages.captions import sure_of_correlation, sure_of_curve, sure_of_heads

SHORT = "The text is too short for intervals."


def head(name, change, interval):
    return {"head": name, "delta_ppl": change, "interval": interval}


def point(heads, ratio, *interval):
    return {"num_heads": heads, "ratio": ratio, "interval": list(interval) or None}


def curve(*points, steps):
    thresholds = [
        {"threshold": of, "largest_step": step}
        for of, step in zip((1.1, 1.5, 2.0), steps, strict=True)
    ]
    return {"points": points, "thresholds": thresholds}


def test_of_heads_the_largest_change_is_told_and_how_wide_intervals_are():
    heads = [
        head("L0H0", 0.02, (0.01, 0.03)),
        head("L0H1", -0.3, (-0.4, -0.2)),
        head("L1H0", 0.1, (0.06, 0.14)),
    ]
    assert sure_of_heads(heads) == (
        "95% intervals over the text: L0H1 changes it most, by -30.00% [-40.00, -20.00]; half of "
        "all heads' intervals are ±4.00 points or narrower."
    )


def test_of_a_curve_the_last_step_below_each_threshold_is_told_once():
    points = point(0, 1, 1, 1), point(3, 1.05, 1.01, 1.09), point(7, 1.4, 1.3, 1.5)
    assert sure_of_curve(curve(*points, steps=(3, 7, 7))) == (
        "Heads of the smallest changes first, the last step with its 95% interval over the text: "
        "3 heads below 1.1×, at 1.050× [1.010, 1.090]; 7 heads below 1.5×, at 1.400× "
        "[1.300, 1.500]."
    )


def test_of_layers_both_correlations_are_told():
    found = {"pearson_r": -0.15, "pearson_p": 0.42, "spearman_rho": -0.49, "spearman_p": 0.006}
    summary = {
        "correlation": found,
        "layer_effects": [{}] * 30,
        "penetration": {"words": {"bank": [], "bat": []}},
    }
    assert sure_of_correlation(summary) == (
        "g is the mean of 2 ambiguous words, a thin line each. Over n = 30 layers: r = -0.15 "
        "(p = 0.42), ρ = -0.49 (p = 0.006)."
    )
    none = summary | {"correlation": dict.fromkeys(found)}
    assert sure_of_correlation(none).endswith(
        "30 layers are too few, or too alike, for a correlation."
    )


def test_of_a_short_text_it_is_said_that_there_are_none():
    assert sure_of_heads([head("L0H0", 0.02, None)]) == SHORT
    assert sure_of_curve(curve(point(0, 1), point(3, 1.05), steps=(3, 3, 3))) == SHORT
