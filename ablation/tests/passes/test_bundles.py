"""Bundles of a tree: every token once, each with all keys of its prompt and few others."""

import pytest

from ablation.passes.bundles import bundles
from ablation.passes.token_tree import TokenTree

hypothesis = pytest.importorskip("hypothesis", reason="needs hypothesis: pip install -e '.[test]'")
st = pytest.importorskip("hypothesis.strategies")

PROMPTS = st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=12), min_size=1, max_size=8)


@hypothesis.given(prompts=PROMPTS, rows=st.integers(1, 8), spare=st.sampled_from([1.0, 1.5, 99.0]))
@hypothesis.settings(deadline=None, derandomize=True)
def test_every_token_is_in_one_bundle_with_all_that_it_sees(prompts, rows, spare):
    tree = TokenTree(prompts)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ablation.passes.bundles.ROWS", rows)
        patch.setattr("ablation.passes.bundles.SPARE", spare)
        found = bundles(tree.segments)
    following = 0
    for bundle in found:
        for piece in bundle.pieces:
            assert piece.place == following
            following += piece.rows
            # What it sees are the first tokens of its prompts, each at its position.
            seen = bundle.key_places[bundle.columns(piece)]
            assert tree.positions[0, seen].tolist() == list(range(piece.end))
            prompt = int(tree.prompt_of[0, piece.place])
            assert seen.tolist() == tree.places(prompt)[: piece.end].tolist()
        alone = sum(piece.rows * piece.end for piece in bundle.pieces)
        assert bundle.rows * len(bundle.key_places) <= spare * alone
        assert bundle.rows <= rows or len(bundle.pieces) == 1
    assert following == len(tree)


def test_what_begins_a_prompt_stands_alone(monkeypatch):
    # A kernel knows causal attention of such a block without a mask.
    monkeypatch.setattr("ablation.passes.bundles.SPARE", 99.0)
    tree = TokenTree([[1, 2, 3], [1, 2, 4], [5, 6], [7]])
    assert [one.rows for one in bundles(tree.segments)] == [2, 2, 2, 1]


def test_bundles_hold_no_more_rows_than_a_call_takes(monkeypatch):
    monkeypatch.setattr("ablation.passes.bundles.ROWS", 3)
    monkeypatch.setattr("ablation.passes.bundles.SPARE", 99.0)
    tree = TokenTree([[0, 1], [0, 2, 2], [0, 3, 3, 3, 3]])
    assert [one.rows for one in bundles(tree.segments)] == [1, 3, 3, 1]


def test_short_questions_about_one_context_are_one_call():
    context = list(range(100))
    short, long = list(range(4)), list(range(40))
    tree = TokenTree([[*context, 1, *short], [*context, 2, *short], [*context, 3]])
    assert [len(one.pieces) for one in bundles(tree.segments)] == [1, 3]
    tree = TokenTree([[*context, 1, *long], [*context, 2, *long]])
    assert [len(one.pieces) for one in bundles(tree.segments)] == [1, 1, 1]
