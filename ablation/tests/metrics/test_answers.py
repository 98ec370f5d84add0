import pytest

from ablation.metrics.answers import Grade, grade, normalise


@pytest.mark.parametrize(
    ("text", "normalised"),
    [
        (" Delaware. ", "delaware"),
        ("14,200", "14200"),
        ("14200.0", "14200"),
        ("14,200 employees.", "14200 employees"),
        ("Int'l", "intl"),
        ("", ""),
    ],
)
def test_normalisation(text, normalised):
    assert normalise(text) == normalised


@pytest.mark.parametrize(
    ("answer", "truth", "correct", "strict"),
    [
        (" Delaware.", "Delaware", True, True),
        (" the State of Delaware, where", "Delaware", True, True),
        (" West Virginia", "Virginia", True, True),
        (" Arkansas", "Kansas", True, False),
        (" 14,200 employees", "14200.0", True, True),
        (" 142,001", "14200", True, False),
        (" Ohio", "Delaware", False, False),
        ("", "Delaware", False, False),
    ],
)
def test_an_answer_is_right_if_it_contains_the_truth(answer, truth, correct, strict):
    graded = grade(answer, truth)
    assert (graded.correct, graded.strict) == (correct, strict)


def test_an_empty_truth_would_be_in_every_answer():
    with pytest.raises(ValueError, match="a truth is required"):
        grade("Delaware", " . ")


@pytest.mark.parametrize(
    ("answer", "stated", "correct"),
    [
        ("Texas", "TX", True),
        ("TX 78701", "TX", True),
        ("tx", "TX", False),
        ("the NTXA", "TX", False),
        ("TX", "Texas", False),
        ("TX", "", False),
    ],
)
def test_the_form_in_the_needle_is_right_too(answer, stated, correct):
    assert grade(answer, "Texas", stated) == Grade(correct, correct)


def test_a_form_that_normalises_to_the_truth_changes_nothing():
    assert grade("about 14200.5", "14200", "14,200") == grade("about 14200.5", "14200")
    assert grade("Washington,\n D.C", "District of Columbia", "Washington, D.C.").correct
