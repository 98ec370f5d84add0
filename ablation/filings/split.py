"""Which filings detect heads and which test them."""

import random
from collections.abc import Sequence

from ablation.filings.filing import Filing

SPLIT_SEED = 42
DETECTION_SHARE = 0.8


def split_filings(filings: Sequence[Filing]) -> tuple[list[Filing], list[Filing]]:
    """Detection and test filings: indices shuffled by ``random.Random(42)``, first 80% detect.

    All filings are split, whatever questions they answer, so that a filing is on the same side for
    every question (protocol of the QRHead ablation study).
    """
    indices = list(range(len(filings)))
    random.Random(SPLIT_SEED).shuffle(indices)
    cut = int(len(indices) * DETECTION_SHARE)
    return [filings[i] for i in indices[:cut]], [filings[i] for i in indices[cut:]]
