"""Greedy answers under many sets of ablated heads: shared prefill, drafted decoding.

An answer under one set of heads is nearly always, or nearly, one that was given before: to the
same prompt under another set, or to another prompt. So it is drafted: the tokens that an earlier
answer goes on with are fed at once, and as many of them are kept as the model itself would have
chosen; where none is, the model has chosen one token, as in plain decoding.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from jaxtyping import Int
from torch import Tensor

from ablation.ablator import HeadAblator
from ablation.engine.head_sets import HeadSet, alike
from ablation.engine.layers import LayerwisePass
from ablation.engine.row_cache import RowCache, attention_masks
from ablation.engine.walk import HeadSetWalk, Outcome
from ablation.generation import end_tokens, refuse_nan
from ablation.metrics.answers import MAX_NEW_TOKENS
from ablation.modes import Scope
from ablation.modes.protocol import Ablation
from ablation.modes.zero import ZeroAblation
from ablation.sites import head_sites

Tokens = tuple[int, ...]


@dataclass
class Drafts:
    """Answers given so far, which later ones are drafted from."""

    _answers: dict[tuple[Tokens, Tokens], None] = field(default_factory=dict)

    def add(self, prompt: Tokens, answer: Tokens) -> None:
        """Notes the latest answer to ``prompt``."""
        self._answers.pop((prompt, answer), None)
        self._answers[prompt, answer] = None

    def after(self, prompt: Tokens, begun: Tokens) -> Tokens:
        """How the latest answer that began so went on: one to ``prompt``, else one to another."""
        elsewhere: Tokens = ()
        for asked, answer in reversed(self._answers):
            if answer[: len(begun)] != begun:
                continue
            if asked == prompt:
                return answer[len(begun) :]
            elsewhere = elsewhere or answer[len(begun) :]
        return elsewhere


def greedy_tokens(
    model: Any,
    prompts: Int[Tensor, "batch seq"],
    head_sets: Sequence[HeadSet],
    ablation: Ablation = ZeroAblation(),
    *,
    max_new_tokens: int = MAX_NEW_TOKENS,
    drafts: Drafts | None = None,
    sets_at_once: int = 1,
) -> Iterator[tuple[tuple[int, ...], list[Tokens]]]:
    """Gives the model's greedy answers to each prompt under each different set of heads.

    The tokens that ``generate`` gives under a ``HeadAblator``, whatever the drafts; where two
    logits are equal up to the rounding of sums, either may be the larger one.

    Args:
        model: a causal language model of transformers.
        prompts: prompts of equal length, without padding.
        head_sets: the heads that are ablated together, for each answer; () for none.
        ablation: how they are ablated.
        max_new_tokens: an answer ends there, or with the model's end-of-sequence token.
        drafts: answers to draft from; those that are found are added to it.
        sets_at_once: how many sets of heads are decoded side by side, as rows of one batch.

    Yields:
        Where a set of heads stands in ``head_sets``, and its answer to each prompt, the
        end-of-sequence token included.

    Raises:
        InvalidInput: a head is out of range or listed twice.
        ComputationError: the logits are NaN.
    """
    sites = head_sites(model)
    drafts = Drafts() if drafts is None else drafts
    ablation = ablation.for_prompts(model, prompts)
    # What is ablated at the end only leaves the prompt before as it was: one prefill serves all.
    whole = ablation.scope is Scope.ALL or (prompts.shape[1] == 1 and ablation.scope is Scope.LAST)
    in_prompt = head_sets if whole else [()] * len(head_sets)
    fed_later = 1 if ablation.scope is Scope.LAST and not whole else 0
    with torch.inference_mode():
        before = prompts[:, : prompts.shape[1] - fed_later]
        passes = [LayerwisePass(sites, before, keeps_keys=True)]
    waiting: list[_Prefilled] = []
    for branch in HeadSetWalk(sites, passes, in_prompt, ablation, last=1).branches():
        (outcome,) = branch.outcomes()
        for heads, places in alike(head_sets, branch.members).items():
            waiting.append(_Prefilled(places, heads, outcome))
            if len(waiting) == sets_at_once:
                yield from _decoded(model, prompts, waiting, ablation, max_new_tokens, drafts)
                waiting.clear()
    if waiting:
        yield from _decoded(model, prompts, waiting, ablation, max_new_tokens, drafts)


class _Prefilled(NamedTuple):
    """A set of heads, where it stands, and what the model made of the prompts under it."""

    places: tuple[int, ...]
    heads: HeadSet
    outcome: Outcome


def _decoded(
    model: Any,
    prompts: Int[Tensor, "batch seq"],
    prefilled: Sequence[_Prefilled],
    ablation: Ablation,
    longest: int,
    drafts: Drafts,
) -> Iterator[tuple[tuple[int, ...], list[Tokens]]]:
    rows = _Rows(model, prompts.repeat(len(prefilled), 1), longest, drafts)
    found = rows.answer(
        [one.outcome for one in prefilled],
        [one.heads for one in prefilled for _ in prompts],
        ablation,
    )
    for number, one in enumerate(prefilled):
        yield one.places, found[number * len(prompts) : (number + 1) * len(prompts)]


class _Rows:
    """The answers to a batch of prompts while they grow, each row at its own pace."""

    def __init__(
        self, model: Any, prompts: Int[Tensor, "rows seq"], longest: int, drafts: Drafts
    ) -> None:
        self._model = model
        self._prompts = [tuple(prompt) for prompt in prompts.tolist()]
        self._prompt_length = prompts.shape[1]
        self._longest = longest
        self._drafts = drafts
        self._ends = end_tokens(model)
        self._answers: list[list[int]] = [[] for _ in self._prompts]

    @torch.inference_mode()
    def answer(
        self, outcomes: Sequence[Outcome], row_heads: Sequence[HeadSet], ablation: Ablation
    ) -> list[Tokens]:
        """Decodes all rows to their ends, each under its own heads.

        Args:
            outcomes: what the rows made of the prompts, or of all but their last token, which is
                then the first to be fed; together they have all rows.
            row_heads: the ablated heads of each row.
            ablation: how they are ablated.
        """
        keys_values = [outcome.keys_values for outcome in outcomes]
        if keys_values[0][0][0].shape[2] == self._prompt_length:
            hidden = torch.cat([outcome.hidden[:, -1:] for outcome in outcomes])
            logits = self._model.get_output_embeddings()(hidden)
            self._take([[0]] * len(self._prompts), refuse_nan(logits).argmax(-1).tolist())
        if self._unfinished():
            with HeadAblator.per_row(self._model, row_heads, ablation):
                cache = RowCache(keys_values, self._prompt_length + self._longest - 1)
                while self._unfinished():
                    fed = self._drafted()
                    self._take(fed, self._chosen(fed, cache))
        found = [tuple(answer) for answer in self._answers]
        for prompt, answer in zip(self._prompts, found, strict=True):
            self._drafts.add(prompt, answer)
        return found

    def _unfinished(self) -> bool:
        return any(not self._ended(answer) for answer in self._answers)

    def _ended(self, answer: Sequence[int]) -> bool:
        return len(answer) == self._longest or (bool(answer) and answer[-1] in self._ends)

    def _drafted(self) -> list[list[int]]:
        """What is fed to each row: its last token and a draft of what follows; nothing at its end.

        The last token of a draft is not fed: nothing is asked of what would follow it.
        """
        fed: list[list[int]] = []
        for prompt, answer in zip(self._prompts, self._answers, strict=True):
            if self._ended(answer):
                fed.append([])
                continue
            draft = self._drafts.after(prompt, tuple(answer))[: self._longest - len(answer)]
            fed.append([answer[-1] if answer else prompt[-1], *draft[:-1]])
        return fed

    def _chosen(self, fed: Sequence[Sequence[int]], cache: RowCache) -> list[list[int]]:
        """What the model says follows each token fed."""
        width = max(map(len, fed))
        ids = torch.zeros(len(fed), width, dtype=torch.long)
        slots = torch.full_like(ids, cache.unused_slot)
        for row, (tokens, answer) in enumerate(zip(fed, self._answers, strict=True)):
            start = self._prompt_length + len(answer) - 1
            ids[row, : len(tokens)] = torch.tensor(tokens, dtype=torch.long)
            slots[row, : len(tokens)] = torch.arange(start, start + len(tokens))
        device = self._model.device
        slots = slots.to(device)
        cache.feed_into(slots)
        logits = self._model(
            input_ids=ids.to(device),
            attention_mask=attention_masks(self._model.config, slots, cache.unused_slot + 1),
            # A table of positions may end with the last token that is fed.
            position_ids=slots.clamp(max=cache.unused_slot - 1),
            past_key_values=cache,
            use_cache=True,
        ).logits
        return refuse_nan(logits).argmax(-1).tolist()

    def _take(self, fed: Sequence[Sequence[int]], chosen: Sequence[Sequence[int]]) -> None:
        """Keeps what the model chose for as long as the draft said the same."""
        for answer, tokens, choices in zip(self._answers, fed, chosen, strict=True):
            for place in range(len(tokens)):
                answer.append(choices[place])
                if self._ended(answer) or tokens[place + 1 : place + 2] != [choices[place]]:
                    break
