"""Packed parts come back as they were, and inline data cannot leave its element."""

import json

import pytest

from experiments.pages.report.lazy import inline, packed, unpacked

hypothesis = pytest.importorskip("hypothesis", reason="needs hypothesis: pip install -e '.[test]'")
given, st = hypothesis.given, hypothesis.strategies

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)


@given(VALUES)
def test_what_is_packed_comes_back(value):
    text = packed(value)
    assert set(text) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=")
    assert unpacked(text) == value
    assert packed(value) == text


@given(VALUES)
def test_inline_data_holds_no_mark_up(value):
    text = inline({"of": value, "end": "</script><!-- &amp;"})
    assert not set("<>&") & set(text)
    assert text.isascii()
    assert json.loads(text)["of"] == value


def test_half_a_letter_is_no_reason_to_fail():
    assert unpacked(packed(["\ud800"])) == ["?"]
    assert json.loads(inline(["\ud800"])) == ["\ud800"]
