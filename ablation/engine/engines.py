"""The engines: what every one of them does, and the reference that the fast one must equal."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Protocol, runtime_checkable

from jaxtyping import Int
from torch import Tensor

from ablation.ablator import HeadAblator
from ablation.engine import ACTIVATION_MIB, FAST, REFERENCE, EngineChoice
from ablation.engine.drafted import Drafts, greedy_tokens
from ablation.engine.head_sets import HeadSet, alike
from ablation.engine.sweep import Measurement, perplexities
from ablation.metrics.answers import Answer
from ablation.metrics.measured_perplexity import perplexity, windows
from ablation.metrics.perplexity import Bos, Perplexity
from ablation.modes.protocol import Ablation
from ablation.passes.generation import greedy_answers
from ablation.passes.known_tokens import check_known

Answers = tuple[tuple[int, ...], list[Answer]]
"""Where a set of heads stands among those asked for, and its answer to every prompt."""


@runtime_checkable
class Engine(Protocol):
    """Runs a model under many sets of ablated heads.

    Both methods give every different set once, in an order of the engine's own.

    Attributes:
        name: one of ``ENGINE_NAMES``.
        activation_bytes: what the activations that sets of heads, or prompts, share may take.
    """

    name: ClassVar[str]

    @property
    def activation_bytes(self) -> int: ...

    def perplexities(
        self,
        model: Any,
        ids: Int[Tensor, " tokens"],
        head_sets: Sequence[HeadSet],
        ablation: Ablation,
        *,
        window: int,
        bos: Bos | None = None,
    ) -> Iterator[Measurement]:
        """The perplexity of ``ids`` under each set, measured when asked for."""

    def answers(
        self,
        model: Any,
        tokenizer: Any,
        prompts: Int[Tensor, "batch seq"],
        head_sets: Sequence[HeadSet],
        ablation: Ablation,
        drafts: Drafts,
        rows: int | None = None,
    ) -> Iterator[Answers]:
        """The greedy answers to ``prompts`` under each set, decoding ``rows`` of them at once."""


@dataclass(frozen=True)
class FastEngine:
    """Each layer once for all sets of heads that agree so far; drafted answers.

    Attributes:
        activation_bytes: what shared activations may take, see ``perplexities`` and ``batches``.
    """

    activation_bytes: int = ACTIVATION_MIB << 20
    name: ClassVar[str] = FAST

    def perplexities(
        self,
        model: Any,
        ids: Int[Tensor, " tokens"],
        head_sets: Sequence[HeadSet],
        ablation: Ablation,
        *,
        window: int,
        bos: Bos | None = None,
    ) -> Iterator[Measurement]:
        return perplexities(
            model,
            ids,
            head_sets,
            ablation,
            window=window,
            bos=bos,
            activation_bytes=self.activation_bytes,
        )

    def answers(
        self,
        model: Any,
        tokenizer: Any,
        prompts: Int[Tensor, "batch seq"],
        head_sets: Sequence[HeadSet],
        ablation: Ablation,
        drafts: Drafts,
        rows: int | None = None,
    ) -> Iterator[Answers]:
        for members, found in greedy_tokens(
            model, prompts, head_sets, ablation, drafts=drafts, rows=rows
        ):
            texts = tokenizer.batch_decode([one.tokens for one in found], skip_special_tokens=True)
            sure = [one.log_probability for one in found]
            yield members, list(map(Answer, texts, sure))


class ReferenceEngine:
    """The whole model for every set: forwards and ``generate`` under a ``HeadAblator``."""

    name: ClassVar[str] = REFERENCE
    activation_bytes: int = 0  # shares nothing

    def perplexities(
        self,
        model: Any,
        ids: Int[Tensor, " tokens"],
        head_sets: Sequence[HeadSet],
        ablation: Ablation,
        *,
        window: int,
        bos: Bos | None = None,
    ) -> Iterator[Measurement]:
        check_known(model, [part.ids.tolist() for part in windows(ids, window, bos)])
        for heads, members in alike(head_sets).items():
            measure = partial(_perplexity, model, ids, heads, ablation, window, bos)
            yield Measurement(members, measure)

    def answers(
        self,
        model: Any,
        tokenizer: Any,
        prompts: Int[Tensor, "batch seq"],
        head_sets: Sequence[HeadSet],
        ablation: Ablation,
        drafts: Drafts,
        rows: int | None = None,
    ) -> Iterator[Answers]:
        different, at_once = list(alike(head_sets).items()), rows or 1
        for start in range(0, len(different), at_once):
            batch = different[start : start + at_once]
            sets = [heads for heads, _ in batch]
            by_prompt = [
                greedy_answers(model, tokenizer, prompt, sets, ablation)
                for prompt in prompts.tolist()
            ]
            for (_, members), answers in zip(batch, zip(*by_prompt, strict=True), strict=True):
                yield members, list(answers)


def _perplexity(
    model: Any,
    ids: Int[Tensor, " tokens"],
    heads: HeadSet,
    ablation: Ablation,
    window: int,
    bos: Bos | None,
) -> Perplexity:
    with HeadAblator(model, heads, ablation):
        return perplexity(model, ids, window=window, bos=bos)


def engine_of(choice: EngineChoice) -> Engine:
    """The engine that was chosen."""
    if choice.name == REFERENCE:
        return ReferenceEngine()
    return FastEngine(choice.activation_mib << 20)
