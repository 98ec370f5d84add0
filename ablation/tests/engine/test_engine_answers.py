"""Answers of the fast engine: token for token those of ``generate``, whatever was drafted."""

from collections import Counter
from functools import cache

import pytest
import torch

from ablation.ablator import HeadAblator
from ablation.engine.batches import answers_in_batches, answers_where_wanted
from ablation.engine.drafted import Drafts, greedy_tokens
from ablation.engine.engines import FastEngine, ReferenceEngine
from ablation.engine.head_sets import HeadSet
from ablation.errors import ComputationError
from ablation.metrics.answers import Answer
from ablation.modes import Scope
from ablation.modes.resample import resample_ablation
from ablation.modes.zero import ZeroAblation
from ablation.passes.generation import greedy_answers
from ablation.passes.room import ONE_BY_ONE, Room
from ablation.tests.engine.answering import (
    END,
    HEADS,
    LONGEST,
    MODES,
    ablation_of,
    answered,
    expected,
    generated,
)
from ablation.tests.support.tiny_models import CONFIGS, VOCAB, allows, random_ids, tiny_model

hypothesis = pytest.importorskip("hypothesis", reason="needs hypothesis: pip install -e '.[test]'")
st = pytest.importorskip("hypothesis.strategies")

SETTINGS = hypothesis.settings(deadline=None, derandomize=True, max_examples=40)

model_of = cache(tiny_model)


@pytest.mark.slow
@hypothesis.given(
    name=st.sampled_from(sorted(CONFIGS)),
    head_sets=st.lists(
        st.lists(st.sampled_from(HEADS), unique=True).map(tuple), min_size=1, max_size=5
    ),
    mode=st.sampled_from(sorted(MODES)),
    scope=st.sampled_from(list(Scope)),
    rows=st.integers(1, 4),
    at_once=st.integers(1, 12),
    common=st.integers(0, 40),
    length=st.integers(1, 40),
    seed=st.integers(0, 100),
    damage=st.lists(st.tuples(st.integers(0, 9), st.integers(0, VOCAB - 1)), max_size=6),
)
@SETTINGS
def test_answers_are_those_of_generate_whatever_the_drafts(
    name, head_sets, mode, scope, rows, at_once, common, length, seed, damage
):
    hypothesis.assume(allows(name, mode))
    model, prompts = model_of(name), random_ids(length, rows, seed)
    prompts[:, :common] = prompts[0, :common].clone()
    prompts[1::2, : common + 3] = prompts[-1, : common + 3].clone()
    ablation = ablation_of(mode, scope, model, prompts)
    wanted = expected(model, prompts, head_sets, ablation)
    drafts = Drafts()
    # Right answers, and such as are right up to a wrong token somewhere, or end there.
    for place, token in damage:
        for prompt, answer in zip(prompts.tolist(), wanted[0], strict=True):
            drafts.add(tuple(prompt), (*answer[:place], token, *answer[place + 1 :]))
            drafts.add(tuple(prompt), answer[: max(1, place)])
    options = {"drafts": drafts, "rows": at_once}
    assert answered(model, prompts, head_sets, ablation, **options) == wanted
    # Every answer is a draft by now.
    assert answered(model, prompts, head_sets, ablation, **options) == wanted


def forwards(model, compute):
    """How many tokens were fed in each forward of the whole model."""
    fed: list[int] = []
    handle = model.register_forward_pre_hook(
        lambda module, args, kwargs: fed.extend(
            ids.shape[1] for ids in [kwargs.get("input_ids")] if ids is not None
        ),
        with_kwargs=True,
    )
    try:
        compute()
    finally:
        handle.remove()
    return fed


def test_a_right_draft_takes_one_forward_and_none_takes_one_a_token(llama):
    prompts, drafts = random_ids(20, 2), Drafts()
    fed = forwards(
        llama, lambda: answered(llama, prompts, [(HEADS[0],)], ZeroAblation(), drafts=drafts)
    )
    # Of the tokens the prompt gives the first.
    assert fed == [1] * (LONGEST - 1)
    fed = forwards(
        llama, lambda: answered(llama, prompts, [(HEADS[0],)], ZeroAblation(), drafts=drafts)
    )
    assert fed == [LONGEST - 1]


def test_the_latest_answer_to_the_same_prompt_is_drafted_first():
    drafts = Drafts()
    drafts.add((1,), (5, 6, 7))
    drafts.add((1,), (5, 8, 9))
    drafts.add((2,), (5, 0, 0))
    assert drafts.after((1,), (5,)) == (8, 9)
    assert drafts.after((1,), (5, 6)) == (7,)
    assert drafts.after((2,), (5, 6)) == (7,)
    assert drafts.after((2,), (4,)) == ()
    drafts.add((1,), (5, 6, 7))
    assert drafts.after((1,), (5,)) == (6, 7)


@pytest.mark.parametrize("longest", [1, 2, 10])
def test_an_answer_ends_at_its_length_or_its_end_token(llama, longest):
    prompts = random_ids(12, 3)
    wanted = generated(llama, prompts, (), ZeroAblation(), longest)
    (found,) = answered(llama, prompts, [()], ZeroAblation(), max_new_tokens=longest)
    assert found == wanted
    ends = {answer[0] for answer in found}
    llama.generation_config.eos_token_id = sorted(ends)
    assert answered(llama, prompts, [()], ZeroAblation()) == [[answer[:1] for answer in found]]


def test_answers_at_the_end_of_a_table_of_positions():
    model = model_of("gpt2")
    prompts = random_ids(256 - 9, 2)
    wanted = expected(model, prompts, [(), (HEADS[3],)], ZeroAblation())
    assert answered(model, prompts, [(), (HEADS[3],)], ZeroAblation()) == wanted


def test_equal_sets_are_answered_once(llama):
    prompts = random_ids(12, 2)
    sets = [(HEADS[0], HEADS[5]), (), (HEADS[5], HEADS[0])]
    found = list(greedy_tokens(llama, prompts, sets))
    assert sorted(places for places, _ in found) == [(0, 2), (1,)]


def test_nan_logits_are_an_error_not_an_answer(llama):
    with torch.no_grad():
        llama.model.norm.weight.fill_(float("nan"))
    with pytest.raises(ComputationError, match="logits are NaN"):
        answered(llama, random_ids(5), [()], ZeroAblation())


class Numbers:
    """A tokenizer whose text is the tokens' numbers."""

    def batch_decode(self, rows, skip_special_tokens):
        skipped = (0, END) if skip_special_tokens else ()
        return [" ".join(str(int(x)) for x in row if int(x) not in skipped) for row in rows]


@pytest.mark.slow
@pytest.mark.parametrize("room", [None, ONE_BY_ONE, Room(20, 3), Room(1000, 12)], ids=str)
def test_both_engines_answer_prompts_of_any_lengths_in_batches(llama, room):
    prompts = [random_ids(length, seed=length)[0].tolist() for length in (9, 12, 9, 9, 12)]
    sets = [(), (HEADS[0],), tuple(HEADS[3:8]), (HEADS[7],), (HEADS[9],), ()]
    given = {}
    for engine in (FastEngine(), ReferenceEngine()):
        found = {}
        for items, places, answers in answers_in_batches(
            engine, llama, Numbers(), prompts, sets, ZeroAblation(), room
        ):
            for place in places:
                for item, answer in zip(items, answers, strict=True):
                    assert (place, item) not in found
                    found[place, item] = answer
        assert len(found) == len(prompts) * len(sets)
        given[engine.name] = found
    for at, answer in given["reference"].items():
        assert_alike(given["fast"][at], answer)
    texts = Counter(answer.text for answer in given["fast"].values())
    assert texts.most_common(1)[0][1] < 15


@pytest.mark.slow
@pytest.mark.parametrize("engine", [FastEngine(), ReferenceEngine()], ids=lambda it: it.name)
def test_prompts_have_heads_of_their_own(llama, engine):
    prompts = [random_ids(length, seed=length % 7)[0].tolist() for length in (9, 12, 9, 12)]
    own = [tuple(HEADS[first : first + 3]) for first in range(4)]
    wanted: dict[HeadSet, list[int]] = {(): [0, 1, 2, 3], own[1]: [0, 1, 2, 3]}
    for place, heads in enumerate(own):
        wanted.setdefault(heads, [place])
        wanted[heads[:2]] = [place]
    found: dict[tuple[HeadSet, int], Answer] = {}
    for together in answers_where_wanted(engine, llama, Numbers(), prompts, wanted, ZeroAblation()):
        for heads, place, answer in together:
            assert (heads, place) not in found
            found[heads, place] = answer
    assert set(found) == {(heads, place) for heads, of in wanted.items() for place in of}
    for (heads, place), answer in found.items():
        (alone,) = greedy_answers(llama, Numbers(), prompts[place], [heads])
        assert_alike(answer, alone)


def assert_alike(answer, other):
    assert answer.text == other.text
    assert answer.log_probability == pytest.approx(other.log_probability, abs=1e-4)


@pytest.mark.parametrize("drafted", [False, True], ids=["plain", "drafted"])
def test_how_sure_an_answer_is_is_what_the_whole_text_says(llama, drafted):
    prompts, heads, drafts = random_ids(12, 3), tuple(HEADS[3:8]), Drafts()
    for _ in range(1 + drafted):
        ((_, found),) = greedy_tokens(
            llama, prompts, [heads], drafts=drafts, max_new_tokens=LONGEST
        )
    for prompt, answer in zip(prompts, found, strict=True):
        text = torch.cat([prompt, torch.tensor(answer.tokens)])
        with torch.no_grad(), HeadAblator(llama, heads):
            logits = llama(text[None]).logits[0, len(prompt) - 1 : -1]
        each = logits.log_softmax(-1).gather(1, torch.tensor(answer.tokens)[:, None])
        assert answer.log_probability == pytest.approx(float(each.sum()), abs=1e-4)
        assert answer.log_probability < 0


class Small(ReferenceEngine):
    """An engine on a device with room for ``fits`` rows, which notes what it is given."""

    def __init__(self, fits: int):
        self.fits = fits
        self.sizes: list[tuple[int, int]] = []

    def answers(self, model, tokenizer, ids, head_sets, ablation, drafts, rows=None):
        self.sizes.append((len(ids), rows))
        if max(len(ids), rows) > self.fits:
            raise torch.OutOfMemoryError("too many rows")
        yield (0,), ["answer"] * len(ids)


def test_a_batch_that_does_not_fit_is_halved(llama):
    prompts = [random_ids(9, seed=seed)[0].tolist() for seed in range(5)]
    small = Small(fits=1)
    found = list(answers_in_batches(small, llama, None, prompts, [()], ZeroAblation(), Room(36, 4)))
    assert sorted(items for items, _, _ in found) == [(0,), (1,), (2,), (3,), (4,)]
    # Then as many answers at once as a prompt leaves room for, and no more in what follows.
    sizes = [(4, 4), (2, 4), (1, 4), (1, 2), (1, 1), (1, 1), (2, 1), (1, 1), (1, 1), (1, 1)]
    assert small.sizes == sizes
    with pytest.raises(torch.OutOfMemoryError):
        list(answers_in_batches(Small(0), llama, None, prompts, [()], ZeroAblation(), Room(36, 4)))


def test_prompts_that_begin_alike_share_a_batch(llama):
    common = random_ids(20)[0].tolist()
    prompts = [[*(common if own % 2 else common[::-1]), own, own + 1] for own in range(6)]
    small = Small(fits=9)
    for room, batches in (
        (Room(0, 1), [[0], [1], [2], [3], [4], [5]]),
        (Room(26, 1), [[0, 2, 4], [1, 3, 5]]),
        (Room(52, 1), [[0, 1, 2, 3, 4, 5]]),
    ):
        found = answers_in_batches(small, llama, None, prompts, [()], ZeroAblation(), room)
        assert sorted(sorted(items) for items, _, _ in found) == batches
    resampled = resample_ablation(prompts)
    found = answers_in_batches(small, llama, None, prompts, [()], resampled, Room(26, 1))
    assert [len(items) for items, _, _ in found] == [1] * 6
