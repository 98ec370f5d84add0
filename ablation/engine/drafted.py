"""Greedy answers under many sets of ablated heads: shared prefill, drafted decoding.

An answer under one set of heads is nearly always, or nearly, one that was given before: to the
same prompt under another set, or to another prompt. So it is drafted: the tokens that an earlier
answer goes on with are fed at once, and as many of them are kept as the model itself would have
chosen; where none is, the model has chosen one token, as in plain decoding.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from ablation.ablator import HeadAblator
from ablation.engine.head_sets import HeadSet, alike
from ablation.engine.row_cache import Prefix, RowCache
from ablation.engine.walk import HeadSetWalk, Outcome
from ablation.hooks.attention import lay_out
from ablation.hooks.sites import head_sites
from ablation.metrics.answers import MAX_NEW_TOKENS
from ablation.metrics.decoder import decoder_of
from ablation.metrics.devices import input_device
from ablation.metrics.logits import logits_of
from ablation.modes import Scope
from ablation.modes.protocol import Ablation
from ablation.modes.zero import ZeroAblation
from ablation.passes.allocator import give_back_freed_memory
from ablation.passes.generation import end_tokens, log_probability_of_largest, refuse_nan
from ablation.passes.layerwise import LayerwisePass
from ablation.passes.positions import check_positions
from ablation.passes.token_tree import TokenTree

Tokens = tuple[int, ...]


class Answered(NamedTuple):
    """The tokens of an answer, and how sure the model was of all of them.

    Attributes:
        tokens: the end-of-sequence token included.
        log_probability: as in ``ablation.metrics.answers.Answer``.
    """

    tokens: Tokens
    log_probability: float


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
    rows: int | None = None,
) -> Iterator[tuple[tuple[int, ...], list[Answered]]]:
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
        rows: how many answers are decoded side by side, of one set of heads or of several; None:
            those of one set.

    Yields:
        Where a set of heads stands in ``head_sets``, and its answer to each prompt.

    Raises:
        InvalidInput: a head is out of range or listed twice; or as ``check_positions``.
        ComputationError: the logits are NaN.
    """
    length = prompts.shape[1]
    check_positions(model, length - (ablation.scope is Scope.LAST), length + max_new_tokens - 1)
    drafts = Drafts() if drafts is None else drafts
    ablation = ablation.for_prompts(model, prompts)
    decoding = _Decoding(model, prompts.tolist(), ablation, max_new_tokens, drafts)
    sets_at_once = 1 if rows is None else max(1, rows // len(prompts))
    prefilled = _prefilled(model, prompts, head_sets, ablation)
    # Nothing here holds on to what is decoded: its keys make room for those of the next sets.
    while waiting := list(islice(prefilled, sets_at_once)):
        yield from decoding.answers(waiting, rows)
        waiting.clear()
        give_back_freed_memory()


class _Prefilled(NamedTuple):
    """A set of heads, where it stands, and what the model made of the prompts under it.

    Attributes:
        members: its places among the sets.
        heads: the set.
        tree: the prompts, or all of each but its last token.
        outcome: what the model made of that.
    """

    members: tuple[int, ...]
    heads: HeadSet
    tree: TokenTree
    outcome: Outcome


def _prefilled(
    model: Any, prompts: Int[Tensor, "batch seq"], head_sets: Sequence[HeadSet], ablation: Ablation
) -> Iterator[_Prefilled]:
    """Every different set of heads, and what the prompts come to under it."""
    sites, scope, length = head_sites(model), ablation.scope, prompts.shape[1]
    # What is ablated at the end only leaves the prompt before as it was: one prefill serves all,
    # and the last token is fed anew for each set.
    last_apart = scope is Scope.LAST and not ablation.reads_ahead and length > 1
    in_prompt = [()] * len(head_sets) if last_apart or scope is Scope.DECODE else head_sets
    fed = prompts[:, : length - 1] if last_apart else prompts
    apart = ablation.reads_ahead or (ablation.tells_prompts_apart and scope is Scope.ALL)
    tree = TokenTree(fed.tolist(), shared=not apart)
    with torch.inference_mode():
        one = LayerwisePass(sites, tree, ends_only=True, keeps_keys=True)
    walk = HeadSetWalk(sites, [one], in_prompt, ablation, ends_only=scope is Scope.LAST)
    for branch in walk.branches():
        (outcome,) = branch.outcomes()
        found = [
            _Prefilled(members, heads, tree, outcome)
            for heads, members in alike(head_sets, branch.members).items()
        ]
        del outcome
        while found:
            yield found.pop(0)


class _Row(NamedTuple):
    """One answer to be: a prompt, by its number, under a set of heads."""

    of: _Prefilled
    prompt: int


@dataclass(frozen=True)
class _Decoding:
    """Turns prefilled prompts into answers."""

    model: Any
    prompts: Sequence[Sequence[int]]
    ablation: Ablation
    longest: int
    drafts: Drafts

    def answers(
        self, prefilled: Sequence[_Prefilled], at_once: int | None
    ) -> Iterator[tuple[tuple[int, ...], list[Answered]]]:
        """The answers to all prompts under each set of heads."""
        rows = [_Row(one, prompt) for one in prefilled for prompt in range(len(self.prompts))]
        at_once = len(self.prompts) if at_once is None else at_once
        found: list[Answered] = []
        for start in range(0, len(rows), at_once):
            found += self._decoded(rows[start : start + at_once])
        for number, one in enumerate(prefilled):
            yield one.members, found[number * len(self.prompts) : (number + 1) * len(self.prompts)]

    def _decoded(self, rows: Sequence[_Row]) -> list[Answered]:
        prompts = [tuple(self.prompts[row.prompt]) for row in rows]
        return _Rows(self.model, prompts, self.longest, self.drafts).answer(rows, self.ablation)


class _Rows:
    """The answers to a batch of prompts while they grow, each row at its own pace."""

    def __init__(self, model: Any, prompts: Sequence[Tokens], longest: int, drafts: Drafts) -> None:
        self._model = model
        self._prompts = prompts
        self._prompt_length = len(prompts[0])
        self._longest = longest
        self._drafts = drafts
        self._ends = end_tokens(model)
        self._answers: list[list[int]] = [[] for _ in prompts]
        self._log_probabilities = [0.0] * len(prompts)

    @torch.inference_mode()
    def answer(self, rows: Sequence[_Row], ablation: Ablation) -> list[Answered]:
        """Decodes all rows to their ends, each under its own heads.

        Args:
            rows: what the model made of the prompts, or of all but their last token, which is then
                the first to be fed.
            ablation: how heads are ablated.
        """
        prompts = [Prefix(row.of.outcome.keys_values, row.of.tree, row.prompt) for row in rows]
        if prompts[0].length == self._prompt_length:
            hidden = torch.cat([row.of.outcome.hidden[:, row.prompt, None] for row in rows])
            logits = logits_of(self._model, hidden)[:, -1:]
            self._take([[0]] * len(rows), refuse_nan(logits))
        if self._unfinished():
            heads, of = [row.of.heads for row in rows], [row.prompt for row in rows]
            with HeadAblator.per_row(self._model, heads, ablation, row_prompts=of):
                cache = RowCache(prompts, self._prompt_length + self._longest - 1)
                while self._unfinished():
                    fed = self._drafted()
                    self._take(fed, self._logits(fed, cache))
        found = [
            Answered(tuple(answer), sure)
            for answer, sure in zip(self._answers, self._log_probabilities, strict=True)
        ]
        for prompt, answer in zip(self._prompts, found, strict=True):
            self._drafts.add(prompt, answer.tokens)
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

    def _logits(
        self, fed: Sequence[Sequence[int]], cache: RowCache
    ) -> Float[Tensor, "rows fed vocab"]:
        """What the model says follows each token fed."""
        width = max(map(len, fed))
        ids = torch.zeros(len(fed), width, dtype=torch.long)
        slots = torch.full_like(ids, cache.unused_slot)
        for row, (tokens, answer) in enumerate(zip(fed, self._answers, strict=True)):
            start = self._prompt_length + len(answer) - 1
            ids[row, : len(tokens)] = torch.tensor(tokens, dtype=torch.long)
            slots[row, : len(tokens)] = torch.arange(start, start + len(tokens))
        device = input_device(self._model)
        slots = slots.to(device)
        cache.feed_into(slots)
        # A table of positions may end with the last token that is fed.
        positions = slots.clamp(max=cache.unused_slot - 1)
        with lay_out(self._model, cache), _told(decoder_of(self._model), positions):
            logits = self._model(
                input_ids=ids.to(device),
                position_ids=positions,
                past_key_values=cache,
                use_cache=True,
            ).logits
        return refuse_nan(logits)

    def _take(self, fed: Sequence[Sequence[int]], logits: Float[Tensor, "rows fed vocab"]) -> None:
        """Keeps what the model chose for as long as the draft said the same."""
        chosen = logits.argmax(-1).tolist()
        for row, (answer, tokens) in enumerate(zip(self._answers, fed, strict=True)):
            choices = chosen[row]
            # Row by row: it takes as much memory as the logits.
            sure = log_probability_of_largest(logits[row, : len(tokens)]).tolist()
            for place in range(len(tokens)):
                answer.append(choices[place])
                self._log_probabilities[row] += sure[place]
                if self._ended(answer) or tokens[place + 1 : place + 2] != [choices[place]]:
                    break


@contextmanager
def _told(decoder: nn.Module, positions: Tensor) -> Iterator[None]:
    """``decoder`` is told the positions also by a model that keeps them from it.

    Those of ALiBi do: an ablator that looks at the decoder would take tokens to be in their order.
    """

    def tell(decoder: nn.Module, args: tuple, kwargs: dict) -> tuple[tuple, dict]:
        return args, {"position_ids": positions, **kwargs}

    hook = decoder.register_forward_pre_hook(tell, with_kwargs=True, prepend=True)
    try:
        yield
    finally:
        hook.remove()
