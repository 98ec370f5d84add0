"""How sure an accuracy is, and whether an ablation changed it: counts of the same items."""

import scipy

from ablation.errors import InvalidInput
from ablation.stats.interval import CONFIDENCE, Interval, check_confidence


def wilson_interval(correct: int, total: int, *, confidence: float = CONFIDENCE) -> Interval:
    """(p + z²/2n ± z·√(p(1−p)/n + z²/4n²)) / (1 + z²/n), the interval of an accuracy p in [0, 1].

    z is the normal quantile of (1 + confidence) / 2. The items are taken as independent: for
    several questions on one filing the interval is too narrow, see ``ablation.stats.gap``.

    Wilson 1927, doi 10.1080/01621459.1927.10502953; Newcombe 1998, method 3.

    Raises:
        InvalidInput: no item, more correct answers than items, or no such confidence.
    """
    check_confidence(confidence)
    if not 0 <= correct <= total or total < 1:
        raise InvalidInput(
            "an accuracy needs at least one item and from none to all of them correct, "
            f"got {correct} of {total}: check the counts"
        )
    found = scipy.stats.binomtest(correct, total).proportion_ci(confidence, method="wilson")
    return Interval(float(found.low), float(found.high))


def mcnemar(lost: int, won: int, *, mid_p: bool = False) -> float:
    """P(\\|X − n/2\\| ≥ \\|lost − n/2\\|), X binomial of n = lost + won and 1/2: exact, two-sided.

    Compares one condition with the unablated model on the same items: ``lost`` are right unablated
    and wrong ablated, ``won`` the reverse; items that did not change say nothing. 1 if none did.

    The exact p cannot come near its nominal level with few items (5 lost and none won give
    0.0625). The mid-p counts outcomes as extreme as the observed one by half: the exact p less the
    point probability of ``lost``, or less half of it where lost = won, as that outcome has no
    mirror image. It is close to the nominal level and passes it by little (Fagerland, Lydersen &
    Laake 2013, doi 10.1186/1471-2288-13-91).

    Items are taken as independent, see ``wilson_interval``.

    Raises:
        InvalidInput: a count is negative.
    """
    if lost < 0 or won < 0:
        raise InvalidInput(
            f"counts of items from 0 up are required, got {lost} lost and {won} won: check them"
        )
    items = lost + won
    if items == 0:
        return 1.0
    exact = float(scipy.stats.binomtest(lost, items).pvalue)
    if not mid_p:
        return exact
    point = float(scipy.stats.binom.pmf(lost, items, 0.5))
    return exact - (point / 2 if lost == won else point)
