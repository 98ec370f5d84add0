"""Retrieval with selected heads: which paragraph answers a query (QRHead's own use).

Zhang et al., EMNLP 2025, arXiv 2506.09944, section 3. All heads are active; those that are selected
are listened to. The model reads the paragraphs and then the query; a paragraph's score is how much
more the selected heads attend to it from the query than from the query ``N/A``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from ablation.detection.qrhead import calibrate, without_outliers
from ablation.detection.reading import Text, mean_attention
from ablation.errors import ContextTooShort, InvalidInput
from ablation.filings.sentences import Span
from ablation.heads import Head
from ablation.hooks.sites import head_sites
from ablation.metrics.retrieval import ranked
from ablation.passes.positions import check_positions, context_of
from ablation.prompts.prompt import NULL_QUESTION
from ablation.prompts.turns import beginning, chat_turn, encoded

_INTRODUCTION = "Here are some paragraphs:"
_SEPARATOR = "\n\n"
_INSTRUCTION = (
    "Please find information that are relevant to the following query in the paragraphs above."
)


@dataclass(frozen=True)
class RetrievalPrompt:
    """Paragraphs and a query, as ids.

    Attributes:
        context: the opening of the turn and the paragraphs.
        paragraphs: paragraph i, its number included, is ``context[paragraphs[i][0]:…[1]]``.
        query: the tokens after the paragraphs, with the query and the end of the turn.
        null_query: the same with the query ``N/A``.
    """

    context: tuple[int, ...]
    paragraphs: tuple[Span, ...]
    query: tuple[int, ...]
    null_query: tuple[int, ...]


def retrieval_prompt(
    tokenizer: Any, query: str, paragraphs: Sequence[str], *, chat: bool = False
) -> RetrievalPrompt:
    """The paper's prompt, in one chat turn if ``chat``.

    Every part is tokenised on its own and the ids are joined, so that the paragraphs' tokens are
    the same whatever is asked.

    Raises:
        InvalidInput: no paragraph, or one without a word; or a chat template that cannot be split.
    """
    if not paragraphs:
        raise InvalidInput("at least one paragraph is required, got none")
    opening, closing = chat_turn(tokenizer, "ask in plain words") if chat else ("", "")
    ids = [*(encoded(tokenizer, opening) if chat else beginning(tokenizer))]
    ids += encoded(tokenizer, _INTRODUCTION)
    spans = []
    for number, paragraph in enumerate(paragraphs, start=1):
        if not paragraph.strip():
            raise InvalidInput(f"paragraph {number} is empty: leave it out")
        ids += encoded(tokenizer, _SEPARATOR)
        start = len(ids)
        ids += encoded(tokenizer, f"[{number}] {paragraph.strip()}")
        spans.append((start, len(ids)))

    def asking(words: str) -> tuple[int, ...]:
        asked = f"{_SEPARATOR}{_INSTRUCTION}{_SEPARATOR}Query: {words}{closing}"
        return encoded(tokenizer, asked)

    return RetrievalPrompt(tuple(ids), tuple(spans), asking(query), asking(NULL_QUESTION))


@torch.inference_mode()
def paragraph_attention(
    model: Any, prompt: RetrievalPrompt
) -> list[Float[Tensor, "layers heads tokens"]]:
    """For each paragraph, every head's calibrated attention to its tokens.

    From one pass over the paragraphs, whichever heads are selected afterwards; memory is linear in
    the prompt's length.

    Raises:
        ContextTooShort: the prompt is longer than the model's context.
        InvalidInput: as ``check_positions``.
        ComputationError: the model's attention is NaN.
    """
    length = len(prompt.context) + max(len(prompt.query), len(prompt.null_query))
    longest = context_of(model.config)
    if length > longest:
        raise ContextTooShort(
            f"paragraphs and query take {length} tokens, and the model's context holds {longest}: "
            "give fewer paragraphs"
        )
    check_positions(model, len(prompt.context), length)
    context = len(prompt.context)
    texts = [
        Text(prompt.context + query, ((context, context + len(query)),), (0, context))
        for query in (prompt.query, prompt.null_query)
    ]
    (asked,), (null,) = mean_attention(model, texts)
    calibrated = calibrate(asked, null)
    return [calibrated[..., start:end].cpu() for start, end in prompt.paragraphs]


def paragraph_scores(
    attention: Sequence[Float[Tensor, "layers heads _"]], selections: Sequence[Sequence[Head]]
) -> Float[Tensor, "selections paragraphs"]:
    """The score of each paragraph by each selection of heads.

    The attention of the heads is summed token by token; tokens at or below mean − 2·std of their
    paragraph are dropped, the rest is summed.

    Raises:
        InvalidInput: a selection is empty.
    """
    layers, heads, _ = attention[0].shape
    selected = torch.zeros(len(selections), layers, heads)
    for number, chosen in enumerate(selections):
        if not chosen:
            raise InvalidInput("at least one head must be selected, got none")
        for head in chosen:
            selected[number, head.layer, head.head] = 1
    summed = [selected.flatten(1) @ weights.flatten(0, 1) for weights in attention]
    return torch.stack([without_outliers(tokens).sum(dim=-1) for tokens in summed], dim=-1)


def retrieve(model: Any, prompt: RetrievalPrompt, heads: Sequence[Head]) -> list[tuple[int, float]]:
    """The paragraphs by their score, best first: place and score.

    Raises:
        InvalidInput, ComputationError: as ``paragraph_attention`` and ``paragraph_scores``; a head
            is out of range or listed twice.
    """
    chosen = head_sites(model).grid.check(heads)
    scores = paragraph_scores(paragraph_attention(model, prompt), [chosen])[0].tolist()
    return [(place, scores[place]) for place in ranked(scores)]
