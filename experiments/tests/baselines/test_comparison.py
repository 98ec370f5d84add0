import math

import numpy as np
import pytest

from ablation.errors import InvalidInput
from experiments.judging.baselines.comparison import (
    Tolerance,
    differences,
    require_json,
)
from experiments.judging.baselines.reading import parse_document

ONE_ITEM = Tolerance(absolute=1, relative=0, reason="one item may tip on another CPU")


def compare_documents(expected, got, tolerances, **options):
    return [one.line for one in differences(expected, got, tolerances, **options)]


def test_equal_documents_have_no_differences():
    document = {"a": [1, 2.5, "x", None, True], "b": {"c": {}}}
    assert compare_documents(document, document, {}) == []


def test_without_a_tolerance_a_number_must_be_equal():
    assert compare_documents({"a": 0.1}, {"a": 0.10000000001}, {}) == [
        "a: expected 0.1, got 0.10000000001"
    ]


@pytest.mark.parametrize(
    ("expected", "got"), [(1, 1.0), (1, True), (0, False), (0, None), ("1", 1), ([], {})]
)
def test_without_a_tolerance_types_must_agree(expected, got):
    assert len(compare_documents({"a": expected}, {"a": got}, {})) == 1
    assert len(compare_documents({"a": got}, {"a": expected}, {})) == 1


def test_a_tuple_is_a_list_and_a_numpy_float_a_float_as_stored():
    assert compare_documents({"a": [1, 0.5]}, {"a": (1, np.float64(0.5))}, {}) == []


def test_a_tolerance_allows_its_bound_and_no_more():
    tolerances = {"correct": ONE_ITEM}
    assert compare_documents({"correct": 10}, {"correct": 11}, tolerances) == []
    assert compare_documents({"correct": 10}, {"correct": 9}, tolerances) == []
    assert compare_documents({"correct": 10}, {"correct": 12}, tolerances) == [
        "correct: expected 10, got 12 (tolerance ± 1: one item may tip on another CPU)"
    ]


def test_under_a_tolerance_int_and_float_compare_by_value_but_bool_is_no_number():
    assert compare_documents({"correct": 10}, {"correct": 10.5}, {"correct": ONE_ITEM}) == []
    assert compare_documents({"correct": 1}, {"correct": True}, {"correct": ONE_ITEM}) == [
        "correct: expected 1, got true"
    ]


def test_one_item_of_ten_is_allowed_despite_rounding():
    assert 0.8 - 0.7 > 0.1
    tolerance = Tolerance(absolute=0.1, relative=0, reason="one of ten items")
    for item in range(10):
        assert tolerance.allows(item / 10, (item + 1) / 10)
    assert not tolerance.allows(0.7, 0.8000001)


def test_a_relative_tolerance_is_relative_to_the_expected_value():
    tolerance = Tolerance(absolute=0, relative=0.1, reason="r")
    assert tolerance.allows(100, 110)
    assert not tolerance.allows(100, 110.1)
    assert tolerance.allows(-100, -90)
    assert not tolerance.allows(0, 1e-9)


def test_the_wider_of_the_two_bounds_counts():
    tolerance = Tolerance(absolute=1, relative=0.1, reason="r")
    assert tolerance.allows(0, 1)
    assert tolerance.allows(100, 110)
    assert str(tolerance) == "tolerance ± 1 or ± 0.1 of the expected value: r"


@pytest.mark.parametrize(
    ("absolute", "relative", "reason", "message"),
    [
        (-1, 0, "r", "absolute tolerance must be finite and at least 0, got -1"),
        (0, math.inf, "r", "relative tolerance must be finite"),
        (math.nan, 0, "r", "absolute tolerance must be finite"),
        (0, 0, "r", "a tolerance of 0 is no tolerance"),
        (1, 0, "  ", "needs a reason"),
    ],
)
def test_a_tolerance_is_finite_positive_and_has_a_reason(absolute, relative, reason, message):
    with pytest.raises(InvalidInput, match=message):
        Tolerance(absolute, relative, reason)


@pytest.mark.parametrize(
    ("pattern", "applies_to"),
    [
        ("correct", {"correct"}),
        ("top.*.correct", {"top.0.correct", "top.1.correct"}),
        ("top.1.correct", {"top.1.correct"}),
        ("**.correct", {"correct", "top.0.correct", "top.1.correct", "deep.top.0.correct"}),
        ("**", {"correct", "top.0.correct", "top.1.correct", "deep.top.0.correct", "a.b"}),
        ("*", {"correct", "a.b"}),
        ("*.*.correct", {"top.0.correct", "top.1.correct"}),
        ("a?b", {"a.b"}),
        ("cor*", {"correct"}),
    ],
)
def test_a_star_stays_within_one_part_and_two_stars_cross_parts(pattern, applies_to):
    def document(value):
        return {
            "correct": value,
            "top": [{"correct": value}, {"correct": value}],
            "deep": {"top": [{"correct": value}]},
            "a.b": value,
        }

    everything = {line.split(":")[0] for line in compare_documents(document(1), document(2), {})}
    differing = compare_documents(document(1), document(2), {pattern: ONE_ITEM})
    assert everything - {line.split(":")[0] for line in differing} == applies_to


def test_the_first_matching_pattern_applies():
    tight = Tolerance(absolute=0.5, relative=0, reason="tight")
    documents = {"a": 1, "b": 1}, {"a": 2, "b": 2}
    assert compare_documents(*documents, {"a": tight, "*": ONE_ITEM}) == [
        "a: expected 1, got 2 (tolerance ± 0.5: tight)"
    ]


@pytest.mark.parametrize(
    ("tolerances", "idle"),
    [
        ({"corect": ONE_ITEM}, "corect"),
        ({"name": ONE_ITEM}, "name"),
        ({"top": ONE_ITEM}, "top"),
        ({"**": ONE_ITEM, "correct": ONE_ITEM}, "correct"),
        ({"provenance.seed": ONE_ITEM}, "provenance.seed"),
    ],
    ids=["misspelt", "a string", "a container", "shadowed", "not compared"],
)
def test_a_pattern_that_applies_to_no_number_is_reported(tolerances, idle):
    document = {"correct": 1, "name": "x", "top": [{"total": 2}], "provenance": {"seed": 3}}
    (line,) = compare_documents(document, document, tolerances)
    assert line.startswith(f"{idle}: this tolerance applies to no number of either document")


def test_a_pattern_for_a_field_of_one_document_only_is_not_idle():
    (line,) = compare_documents({}, {"correct": 1}, {"correct": ONE_ITEM})
    assert line == "correct: unexpected key: expected nothing, got 1"


def test_keys_are_compared_both_ways():
    assert compare_documents({"a": {"old": 1, "same": 2}}, {"a": {"same": 2, "new": [3]}}, {}) == [
        "a.old: missing key: expected 1, got nothing",
        "a.new: unexpected key: expected nothing, got [3]",
    ]


def test_the_order_of_keys_does_not_matter_and_that_of_items_does():
    assert compare_documents({"a": 1, "b": 2}, {"b": 2, "a": 1}, {}) == []
    assert len(compare_documents({"a": [1, 2]}, {"a": [2, 1]}, {})) == 2


def test_lists_of_different_length_are_reported_once():
    assert compare_documents({"a": [1, 2, 3]}, {"a": [4]}, {}) == ["a: expected 3 items, got 1"]


def test_keys_not_compared_are_left_out_at_the_top_level_only():
    expected = {"a": {"provenance": 1}, "provenance": 1}
    assert compare_documents(expected, {"a": {"provenance": 1}}, {}) == []
    assert compare_documents(expected, {"a": {"provenance": 2}, "provenance": 2}, {}) == [
        "a.provenance: expected 1, got 2"
    ]
    assert len(compare_documents(expected, {"a": {"provenance": 1}}, {}, not_compared=())) == 1


def test_documents_may_be_other_than_objects():
    assert compare_documents(1, 2, {}) == ["the document: expected 1, got 2"]


def test_long_values_are_cut():
    (line,) = compare_documents({"a": "x" * 1000}, {"a": None}, {})
    assert len(line) < 120


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"a": [0, math.nan]}, r"a\.1: a figure must be finite to be stored, got nan"),
        ({"a": -math.inf}, "a: a figure must be finite to be stored, got -inf"),
        ({"a": {1: 2}}, "a: keys must be strings, got 1"),
        ({"a": np.int64(1)}, "a: JSON has no int64"),
        ({1, 2}, "the document: JSON has no set"),
    ],
)
def test_what_json_cannot_hold_is_refused(value, message):
    with pytest.raises(InvalidInput, match=message):
        require_json(value)
    with pytest.raises(InvalidInput, match=message):
        compare_documents({}, value, {})
    with pytest.raises(InvalidInput, match=message):
        compare_documents(value, {}, {})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": ', "Expecting value"),
        ('{"a": NaN}', "it holds NaN"),
        ('{"a": -Infinity}', "it holds -Infinity"),
        ('{"a": 1e999}', "a: a figure must be finite"),
        ('{"a": 1, "a": 2}', "it holds a key twice"),
    ],
)
def test_a_damaged_text_is_refused(text, message):
    with pytest.raises(ValueError, match=message):
        parse_document(text)
