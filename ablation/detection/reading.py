"""What a few tokens of each prompt attend to, from one pass over many prompts.

``output_attentions`` forces eager attention and forms the full ``seq × seq`` matrix in every
layer. Here only the rows that are wanted are formed, one layer at a time, and their mean is kept.
What prompts begin with, and what two questions about one context have in common, runs once.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor
from transformers import DynamicCache

from ablation.filings.sentences import Span
from ablation.hooks.attention import observe_attention
from ablation.hooks.attention_call import AttentionCall
from ablation.hooks.sites import head_sites
from ablation.metrics.devices import input_device
from ablation.passes.known_tokens import check_known
from ablation.passes.layerwise import LayerwisePass
from ablation.passes.token_tree import TokenTree
from ablation.passes.tree_attention import KeysValues
from ablation.prompts.prompt import Prompt


@dataclass(frozen=True)
class Text:
    """A text, and what is wanted of its attention.

    Attributes:
        ids: its tokens.
        rows: the tokens that attend, as spans; the mean over each span is wanted.
        columns: the tokens that are attended to, before all of these.
    """

    ids: tuple[int, ...]
    rows: tuple[Span, ...]
    columns: Span


@dataclass(frozen=True)
class Asked:
    """How much each head attends from what asks to each token of the needle.

    Attributes:
        question, null_question: from the question, or from ``N/A`` in its place,
            ``(layers, heads, needle)``; the mean over the tokens that ask.
    """

    question: Tensor
    null_question: Tensor


@dataclass(frozen=True)
class Reading:
    """What was seen of a prompt.

    Attributes:
        asked: from the question alone.
        asked_in_chat: from the question and what closes the chat turn.
        last: from the last token of the prompt, ``(layers, heads, needle)``.
        packed: keys and values of all layers, of all prompts that were read together; empty if they
            were not kept.
        places: where all tokens of the prompt but the last are among them.
    """

    asked: Asked
    asked_in_chat: Asked
    last: Tensor
    packed: tuple[KeysValues, ...]
    places: Int[Tensor, " seq"]

    def cache(self, config: Any) -> DynamicCache:
        """A cache of all tokens but the last, which may grow, for a model of ``config``."""
        cache = DynamicCache(config=config)
        for layer, (keys, values) in enumerate(self.packed):
            places = self.places.to(keys.device)
            cache.update(keys[:, :, places], values[:, :, places], layer)
        return cache


def read(model: Any, prompts: Sequence[Prompt], *, keeps_keys: bool) -> list[Reading]:
    """Reads ``prompts`` and their null questions in one pass.

    Args:
        model: a causal language model of transformers.
        prompts: the prompts.
        keeps_keys: whether keys and values are kept. All of a prompt is read in any case: what a
            method finds is then the same, to the last digit, whichever others look.

    Raises:
        InvalidInput: the architecture bends its attention in a way that is not seen here.
    """
    texts = []
    for prompt in prompts:
        start, closing = len(prompt.context), prompt.tail[: prompt.closing]
        for question in (prompt.question, prompt.null_question):
            end = start + len(question)
            rows: tuple[Span, ...] = ((start, end), (start, end + len(closing)))
            texts.append(Text(prompt.context + question + closing, rows, prompt.needle))
        length = len(prompt.ids)
        texts.append(Text(prompt.ids, ((length - 1, length),), prompt.needle))
    means, tree, kept = _read(model, texts, keeps_keys=keeps_keys)
    return [
        Reading(
            asked=Asked(asked[0], null[0]),
            asked_in_chat=Asked(asked[1], null[1]),
            last=last,
            packed=kept,
            places=tree.places(3 * number + 2)[:-1],
        )
        for number, (asked, null, (last,)) in enumerate(
            zip(means[::3], means[1::3], means[2::3], strict=True)
        )
    ]


def mean_attention(
    model: Any, texts: Sequence[Text]
) -> list[list[Float[Tensor, "layers heads columns"]]]:
    """For each text, the mean over each of its spans of rows of the attention to its columns.

    Weights are the model's own, in fp32: position encoding, causal mask and scaling included.

    Raises:
        InvalidInput: the architecture bends its attention in a way that is not seen here.
    """
    return _read(model, texts, keeps_keys=False)[0]


@torch.inference_mode()
def _read(
    model: Any, texts: Sequence[Text], *, keeps_keys: bool
) -> tuple[list[list[Tensor]], TokenTree, tuple[KeysValues, ...]]:
    check_known(model, (text.ids for text in texts))
    sites = head_sites(model)
    tree = TokenTree([text.ids for text in texts])
    layers, heads = sites.grid.layers, sites.grid.widest
    device = input_device(model)
    sums = [
        [
            torch.zeros(layers, heads, text.columns[1] - text.columns[0], device=device)
            for _ in text.rows
        ]
        for text in texts
    ]
    wanted = _Wanted(texts, tree)

    def note(call: AttentionCall) -> None:
        rows, parts = wanted.of(call)
        if parts:
            weights = call.weights(rows)[0]
            for text, span, among, columns in parts:
                seen = weights[:, among][:, :, columns].sum(dim=1)
                sums[text][span][call.layer, : len(seen)] += seen.to(device)

    kept: tuple[KeysValues, ...] = ()
    one = LayerwisePass(sites, tree, keeps_keys=keeps_keys)
    stream = one.embedded
    with observe_attention(sites.decoder, note):
        for layer in range(layers):
            if layer < layers - 1:
                stream = one.through(layer, stream)
            else:
                one.attend(layer, stream)  # what is past the last attention reaches no other
            kept = one.with_cached(kept, layer)
    for text, by_span in zip(texts, sums, strict=True):
        for (first, end), total in zip(text.rows, by_span, strict=True):
            total /= end - first
    return sums, tree, kept


Places = slice | list[int]


class _Part(NamedTuple):
    """What of the wanted rows of an attention is of a text.

    Attributes:
        text, span: its number, and that of the span.
        among: which of the wanted rows.
        columns: where its columns are among the keys.
    """

    text: int
    span: int
    among: Places
    columns: Places


class _Wanted:
    """Where in an attention the rows and columns of texts are."""

    def __init__(self, texts: Sequence[Text], tree: TokenTree) -> None:
        self._found: dict[tuple[int, int], tuple[Places, list[_Part]]] = {}
        self._owners: dict[int, list[tuple[int, int]]] = defaultdict(list)
        self._columns = []
        for number, text in enumerate(texts):
            places = tree.places(number)
            self._columns.append(places[slice(*text.columns)])
            for span, (first, end) in enumerate(text.rows):
                for place in places[first:end].tolist():
                    self._owners[place].append((number, span))

    def of(self, call: AttentionCall) -> tuple[Places, list[_Part]]:
        """The rows of a call that are wanted, and what of them by whom; the same in all layers."""
        key = call.place, call.query.shape[2]
        if key not in self._found:
            self._found[key] = self._of(call)
        return self._found[key]

    def _of(self, call: AttentionCall) -> tuple[Places, list[_Part]]:
        assert call.key_places is not None
        rows = [row for row in range(call.query.shape[2]) if call.place + row in self._owners]
        owned: dict[tuple[int, int], list[int]] = defaultdict(list)
        for number, row in enumerate(rows):
            for owner in self._owners[call.place + row]:
                owned[owner].append(number)
        parts = []
        for (text, span), among in owned.items():
            columns = torch.searchsorted(call.key_places, self._columns[text]).tolist()
            parts.append(_Part(text, span, _run(among), _run(columns)))
        return _run(rows), parts


def _run(places: list[int]) -> Places:
    """A slice where they are neighbours, which is looked up faster."""
    if places and places[-1] - places[0] == len(places) - 1:
        return slice(places[0], places[-1] + 1)
    return places
