"""The tree of prompts: every beginning once, and every prompt whole."""

import pytest
import torch

from ablation.passes.token_tree import TokenTree

hypothesis = pytest.importorskip("hypothesis", reason="needs hypothesis: pip install -e '.[test]'")
st = pytest.importorskip("hypothesis.strategies")

PROMPTS = st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=8), min_size=1, max_size=8)


@hypothesis.given(prompts=PROMPTS, shared=st.booleans())
@hypothesis.settings(deadline=None, derandomize=True)
def test_a_tree_holds_every_beginning_once_and_every_prompt_whole(prompts, shared):
    tree = TokenTree(prompts, shared=shared)
    beginnings = {tuple(prompt[:end]) for prompt in prompts for end in range(1, len(prompt) + 1)}
    assert len(tree) == (len(beginnings) if shared else sum(map(len, prompts)))
    for number, prompt in enumerate(prompts):
        places = tree.places(number)
        assert tree.ids[0, places].tolist() == prompt
        assert tree.positions[0, places].tolist() == list(range(len(prompt)))
        assert int(tree.ends[number]) == int(places[-1])
    every_place = torch.cat([tree.places(number) for number in range(len(prompts))])
    held = [one.prompts for one in tree.segments for _ in range(one.length)]
    assert torch.bincount(every_place).tolist() == held
    for place in range(len(tree)):
        of, position = int(tree.prompt_of[0, place]), int(tree.positions[0, place])
        assert int(tree.places(of)[position]) == place


def test_segments_stand_one_after_the_other_behind_what_they_begin_with():
    tree = TokenTree([[1, 2, 3], [1, 2, 4, 5], [1, 2], [6]])
    found = [(one.place, one.start, one.length, one.prompts) for one in tree.segments]
    assert found == [(0, 0, 2, 3), (2, 2, 1, 1), (3, 2, 2, 1), (5, 0, 1, 1)]
    assert [len(one.path) for one in tree.segments] == [1, 2, 2, 1]
    assert torch.equal(tree.ids, torch.tensor([[1, 2, 3, 4, 5, 6]]))
