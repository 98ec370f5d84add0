"""Which filings detect heads and which test them."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from ablation.errors import InvalidInput
from ablation.filings.filing import Filing

SPLIT_SEED = 42
DETECTION_SHARE = 0.8


@dataclass(frozen=True)
class Fold:
    """One of several ways to split, so that every filing is tested once.

    Attributes:
        number: which, from 1.
        of: how many there are.
    """

    number: int
    of: int

    def __str__(self) -> str:
        return f"fold {self.number} of {self.of}"


def folds(number: int) -> list[Fold]:
    """All folds.

    Raises:
        InvalidInput: fewer than 2.
    """
    if number < 2:
        raise InvalidInput(f"at least 2 folds are required, got {number}: or leave --folds out")
    return [Fold(place, number) for place in range(1, number + 1)]


def split_filings(filings: Sequence[Filing]) -> tuple[list[Filing], list[Filing]]:
    """Detection and test filings: indices shuffled by ``random.Random(42)``, first 80% detect.

    All filings are split, whatever questions they answer, so that a filing is on the same side for
    every question (protocol of the QRHead ablation study).
    """
    indices = list(range(len(filings)))
    random.Random(SPLIT_SEED).shuffle(indices)
    cut = int(len(indices) * DETECTION_SHARE)
    return [filings[i] for i in indices[:cut]], [filings[i] for i in indices[cut:]]


def fold_filings(filings: Sequence[Filing], fold: Fold) -> tuple[list[Filing], list[Filing]]:
    """Detection and test filings of one fold; the filings of a company are on one side.

    Companies are shuffled by ``random.Random(42)`` and dealt out in turn. The filings are those
    that answer the question: the folds of another question may be others, as are its heads.

    Raises:
        InvalidInput: there are fewer companies than folds.
    """
    companies = sorted({filing.company for filing in filings})
    if len(companies) < fold.of:
        raise InvalidInput(
            f"{fold.of} folds need as many companies, got {len(companies)} that answer the "
            f"question: take --folds {len(companies)}, or more filings"
        )
    random.Random(SPLIT_SEED).shuffle(companies)
    tested = set(companies[fold.number - 1 :: fold.of])
    return (
        [filing for filing in filings if filing.company not in tested],
        [filing for filing in filings if filing.company in tested],
    )
