import os
from collections import Counter
from pathlib import Path

import pytest

from ablation.filings.edgar import load_edgar_filings
from ablation.filings.filing import Fact
from ablation.filings.states import STATES

SHARED_DATA = os.environ.get("HEADCLAIMS_SHARED_DATA")


def _plain(fact: Fact, section: str) -> bool:
    stated = section[fact.start : fact.end]
    return stated.replace(",", "").lower() == fact.value.lower() or STATES.get(stated) == fact.value


@pytest.mark.skipif(
    SHARED_DATA is None,
    reason="real filings: set HEADCLAIMS_SHARED_DATA to a folder with edgar-10k/ (EDGAR-CRAWLER "
    "JSON) and edgar_ground_truth.csv",
)
@pytest.mark.parametrize("with_csv", [False, True])
def test_facts_of_the_32_real_filings(with_csv: bool) -> None:
    # The CSV lists none of these companies, so it changes nothing. Every fact was checked by eye.
    assert SHARED_DATA is not None
    folder = Path(SHARED_DATA)
    truth = folder / "edgar_ground_truth.csv" if with_csv else None
    loaded = load_edgar_filings(folder / "edgar-10k", truth)
    counts = Counter(key for filing in loaded.filings for key in filing.facts)
    assert counts == {"inc_state": 6, "inc_year": 11, "employee_count": 24, "hq_state": 11}
    assert (len(loaded.filings), len(loaded.rejected)) == (29, 3)
    for filing in loaded.filings:
        assert all(_plain(fact, filing.section) for fact in filing.facts.values())
