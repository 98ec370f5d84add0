"""What the figures can bear: intervals, tests and descriptions of accuracies and perplexities.

Every function takes counts, sums or p-values that were measured before, and returns numbers. It
runs no model and reads no file, and needs numpy and scipy alone. Intervals and p-values state what
they resample and what they hold fixed; none of them turns one draw of random heads into "random
heads". Seeds are arguments, so the same figures give the same statistics.

Write ``import scipy`` and ``scipy.stats.t``, never ``from scipy import stats``: scipy loads such a
part when it is first used, and a list of claims or of tests need not wait a second for it.
"""
