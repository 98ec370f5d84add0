"""Folds: every filing is tested once, and no company is on both sides."""

from dataclasses import replace

import pytest

from ablation.errors import InvalidInput
from ablation.filings.split import Fold, fold_filings, folds
from ablation.filings.synthetic import synthetic_filings

FILINGS = [
    replace(filing, company=f"company {number // 2}")
    for number, filing in enumerate(synthetic_filings(26).filings)
]


@pytest.mark.parametrize("number", [2, 5, 13])
def test_every_filing_is_tested_once_and_companies_stay_together(number):
    splits = [fold_filings(FILINGS, fold) for fold in folds(number)]
    tested = [filing.name for _, test in splits for filing in test]
    assert sorted(tested) == sorted(filing.name for filing in FILINGS)
    for detection, test in splits:
        assert len(detection) + len(test) == len(FILINGS)
        assert not {one.company for one in detection} & {one.company for one in test}
        assert abs(len(test) - len(FILINGS) / number) <= 2


def test_folds_are_the_same_every_time_and_not_in_the_order_of_the_names():
    first, again = (
        {filing.company for filing in fold_filings(filings, Fold(1, 5))[1]}
        for filings in (FILINGS, FILINGS[::-1])
    )
    assert first == again
    assert first != {f"company {number}" for number in range(len(first))}


def test_more_folds_than_companies_are_refused():
    with pytest.raises(InvalidInput, match="14 folds need as many companies, got 13"):
        fold_filings(FILINGS, Fold(1, 14))
    with pytest.raises(InvalidInput, match="at least 2 folds are required, got 1"):
        folds(1)
