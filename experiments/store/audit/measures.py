"""How far two results of one unit may lie apart that two sound machines have computed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Result = Mapping[str, Any]


@dataclass(frozen=True)
class Measure:
    """How far apart two results of one unit are, and how far they may be.

    Attributes:
        name: of the difference, for the reader.
        of: gives the difference; 0 where the results are alike.
        tolerance: the largest that two sound machines may show.
    """

    name: str
    of: Callable[[Result, Result], float]
    tolerance: float


def _scores(a: Result, b: Result) -> float:
    """The largest difference of a head's score, as a share of the largest score."""
    first, second = (
        {row["head"]: row["score"] for row in result["head_rankings"]} for result in (a, b)
    )
    if first.keys() != second.keys():
        return float("inf")
    largest = max(map(abs, first.values()), default=0.0) or 1.0
    return max((abs(first[head] - second[head]) for head in first), default=0.0) / largest


def _prompt_scores(a: Result, b: Result) -> float:
    """The same of the scores on one prompt, of which there may be none."""
    first, second = a["scores"], b["scores"]
    if first is None or second is None:
        return 0.0 if first is second else float("inf")
    pairs = list(zip(_flat(first), _flat(second), strict=True))
    largest = max((abs(x) for x, _ in pairs), default=0.0) or 1.0
    return max((abs(x - y) for x, y in pairs), default=0.0) / largest


def _perplexities(a: Result, b: Result) -> float:
    """The largest relative difference of a block's summed NLL."""
    if a["block_counts"] != b["block_counts"]:
        return float("inf")
    pairs = zip(_flat(a["block_nll_sums"]), _flat(b["block_nll_sums"]), strict=True)
    return max((abs(x - y) / max(abs(x), abs(y), 1e-9) for x, y in pairs), default=0.0)


def _curves(a: Result, b: Result) -> float:
    """The largest difference of g, whose largest value is 1."""
    return max(abs(x - y) for x, y in zip(a["g"], b["g"], strict=True))


def _ranks(a: Result, b: Result) -> float:
    """The share of ranks that differ."""
    if a["ranks"].keys() != b["ranks"].keys():
        return float("inf")
    return sum(a["ranks"][name] != b["ranks"][name] for name in a["ranks"]) / len(a["ranks"])


def _contributions(a: Result, b: Result) -> float:
    """The largest relative difference of a contribution; what is left of it must be the same.

    What the sums leave ``beside`` is rounding.
    """
    pairs = list(zip(a["heads"], b["heads"], strict=True))
    if any(x[name] != y[name] for x, y in pairs for name in ("head", "left")):
        return float("inf")
    return max(_leaves(x["contribution"], y["contribution"]) for x, y in pairs)


def _leaves(a: Any, b: Any) -> float:
    """The largest relative difference of a number; infinite where anything else differs."""
    if type(a) is not type(b):
        return float("inf")
    if isinstance(a, Mapping):
        if a.keys() != b.keys():
            return float("inf")
        return max((_leaves(a[key], b[key]) for key in a), default=0.0)
    if isinstance(a, list):
        if len(a) != len(b):
            return float("inf")
        return max(map(_leaves, a, b), default=0.0)
    if isinstance(a, float):
        return abs(a - b) / max(abs(a), abs(b), 1e-9)
    return 0.0 if a == b else float("inf")


def _flat(lists: Any) -> list[float]:
    return [value for one in lists for value in one]


MEASURES: Mapping[str, Measure] = {
    # Greedy decoding in fp32: the order of sums moves a logit by 1e-5, and no answer of ours has
    # been seen to tip between batch shapes, thread counts or processors.
    "answer": Measure("answers that differ", lambda a, b: a["answer"] != b["answer"], 0),
    # What the exactness tests ask of the engine; sums run in another order elsewhere.
    "perplexity": Measure("relative difference of a block's NLL", _perplexities, 1e-4),
    "ranking": Measure("difference of a score, as a share of the largest", _scores, 1e-4),
    "scores": Measure("difference of a score, as a share of the largest", _prompt_scores, 1e-4),
    "penetration": Measure("difference of g", _curves, 1e-3),
    # Paragraphs of nearly the same score may change places.
    "retrieval": Measure("share of ranks that differ", _ranks, 0.01),
    "contribution": Measure("relative difference of a contribution", _contributions, 1e-4),
    # A noise floor is noise: what it is on this machine says nothing against the bundle's, unless
    # it is larger than any that an effect could be told from.
    "noise": Measure("difference of the noise", lambda a, b: abs(a["noise"] - b["noise"]), 0.05),
}
ANYTHING = Measure("relative difference of a number", _leaves, 1e-4)
"""For kinds of studies that have no measure of their own."""
