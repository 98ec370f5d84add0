"""A check of a model before its first figure: do its heads add up, do all ways to run it agree?

A family's row says where its heads are; nothing but the model itself says whether that is so for
these weights, this version of transformers and what others have done to the model. So it is tried
on a few random tokens, and a figure that is off stops the run.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from math import inf, isnan
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ablation.ablator import HeadAblator
from ablation.engine.drafted import Drafts, greedy_tokens
from ablation.errors import ComputationError, first_line
from ablation.heads import Head
from ablation.hooks.attention import Kernel, MakeMask, lay_out
from ablation.hooks.capture import capture_attention, capture_residual, capture_z
from ablation.hooks.sites import HeadSites, head_sites, is_told_where
from ablation.metrics.devices import input_device
from ablation.metrics.logits import logits_of
from ablation.modes.redirected import UniformCausalAblation
from ablation.modes.zero import ZeroAblation
from ablation.passes.generation import end_tokens, greedy_ids
from ablation.passes.layerwise import LayerwisePass
from ablation.passes.positions import context_of, span_limits
from ablation.passes.token_tree import TokenTree

TOKENS, COMMON, BEYOND, DECODED = 12, 8, 8, 3
"""Of each of the two prompts, of what they begin with, past a limit, and of each answer: of three
tokens two are verified at once."""

COMPARED = 8
"""Positions of each prompt, the last ones, whose logits are compared: vocabularies are large."""

LONGEST, WORK_ON_CPU = 2048, 5e10
"""Limits of the model's attention beyond which it is not tried: in tokens, and on a CPU in tokens ×
weights: half a minute, estimated and not measured."""

BOUNDS = {torch.float32: 1e-4, torch.float16: 1e-2, torch.bfloat16: 1e-1}
"""How far two ways to the same figure may lie apart, of the largest value: sums in another order,
through all layers. Measured on SmolLM2: 2e-6 in fp32, 0.024 in bfloat16."""

IN_A_LAYER = {torch.float32: 1e-5, torch.float16: 5e-3, torch.bfloat16: 4e-2}
"""The same of figures that one layer makes. Measured on tiny models of all families: at most 6e-7,
0.003 and 0.02; on SmolLM2 1e-6 in fp32, 0.005 in bfloat16."""

CAUSES = (
    "an adapter on a projection, a patched forward, or a version of transformers that computes "
    "this family otherwise"
)


CAUSES_OF_A_SITE = (
    "--site names other modules than those of its heads, or attention is code of its own, which "
    "--site cannot say; or the model has " + CAUSES
)

_BREAKS_OFF = (RuntimeError, TypeError, AttributeError, ValueError, LookupError)
"""What a model that is built otherwise may raise; our own errors are among these kinds."""


@dataclass(frozen=True)
class Checked:
    """One part of the check.

    Attributes:
        what: is the same, or should be.
        deviation: how far the two lie apart at most, of the largest value.
        in_a_layer: whether one layer makes it, and not all of them.
    """

    what: str
    deviation: float
    in_a_layer: bool = False


def check_heads(model: Any, *, engine: bool = True) -> list[Checked]:
    """Tries on random tokens that the heads of ``model`` are what the ablator takes them for.

    The attention of every layer is the sum of its heads' parts; zeroing a head takes its part away
    and nothing else; a head whose queries are zero attends uniformly. Where the fast engine runs
    the model, the layers one by one give the logits of the whole, and drafted answers are those of
    ``generate``; elsewhere tokens decoded on top of a cache are those that the whole text says come
    next. That past every sliding window, chunk and original context, too, but for those of
    ``untried_limits``.

    Raises:
        ComputationError: something is off: with the layer, by how much, and what that may mean.
    """
    sites = head_sites(model)
    causes = CAUSES_OF_A_SITE if is_told_where(model) else CAUSES
    found = []
    for check in _checks(model, sites, engine):
        try:
            results = check()
        except _BREAKS_OFF as error:
            raise ComputationError(
                f"the check of {type(model).__name__} before its first figure broke off "
                f"({first_line(error)}): {causes}"
            ) from error
        for one in results:
            if isnan(one.deviation):
                raise ComputationError(
                    f"{type(model).__name__} computes NaN on a few random tokens ({one.what}): "
                    "try --dtype float32, or fetch the weights again"
                )
            bounds = IN_A_LAYER if one.in_a_layer else BOUNDS
            bound = bounds.get(model.dtype, bounds[torch.bfloat16])
            if one.deviation > bound:
                raise ComputationError(
                    f"the check of {type(model).__name__} before its first figure failed: "
                    f"{one.what} differ by {one.deviation:.1e} of the largest value, where "
                    f"{bound:g} is allowed: {causes}"
                )
        found += results
    return found


def _checks(model: Any, sites: HeadSites, engine: bool) -> Iterator[Callable[[], list[Checked]]]:
    ids, (layers, heads) = _prompts(model, TOKENS), (sites.grid.layers, sites.grid.heads)
    yield partial(_parts, model, sites, ids)
    for layer in sorted({0, layers // 2, layers - 1}):
        yield partial(_zeroed, model, sites, ids, Head(layer, heads - 1))
    if not (sites.family.sinks or sites.family.own_attention):
        for layer in _layers_of_each_kind(model, layers):
            yield partial(_uniform, model, ids, Head(layer, 0))
    for length in (TOKENS, *_lengths_past_limits(model, _longest(model))):
        prompts = _prompts(model, length)
        if engine and not sites.family.runs_whole:
            yield partial(_logits, model, sites, prompts)
            yield partial(_answers, model, sites, prompts)
        else:
            yield partial(_decoded, model, sites, prompts)


def _layers_of_each_kind(model: Any, layers: int) -> list[int]:
    """The middle one, and the first of each kind: with a window and without, say."""
    kinds = getattr(model.config, "layer_types", None) or []
    return sorted({layers // 2, *(kinds.index(kind) for kind in set(kinds[:layers]))})


def untried_limits(model: Any) -> list[int]:
    """Limits of the attention that prompts of ``model`` can pass and its check does not, in tokens.

    Those beyond ``LONGEST``, and on a CPU those that take longer than ``WORK_ON_CPU``.
    """
    tried, longest = _longest(model), context_of(model.config) - DECODED
    return [at - BEYOND for at in _lengths_past_limits(model, longest) if at > tried]


def _lengths_past_limits(model: Any, longest: int) -> list[int]:
    """Tokens of prompts that go past each limit of the attention, as far as there is room."""
    return [at + BEYOND for at in span_limits(model.config) if at + BEYOND <= longest]


def _longest(model: Any) -> int:
    """Tokens of the longest prompt that is tried."""
    longest = min(LONGEST + BEYOND, context_of(model.config) - DECODED)
    if input_device(model).type == "cpu":
        longest = min(longest, max(TOKENS, int(WORK_ON_CPU / model.num_parameters())))
    return longest


def _prompts(model: Any, length: int) -> Int[Tensor, "2 length"]:
    """Two prompts that part in the middle."""
    tokens = model.get_input_embeddings().weight.shape[0]
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(tokens, (2, length), generator=generator)
    ids[1, : length * COMMON // TOKENS] = ids[0, : length * COMMON // TOKENS]
    return ids.to(input_device(model))


def _apart(what: str, found: Tensor, expected: Tensor, *, in_a_layer: bool = True) -> Checked:
    expected = expected.to(found.device).float()
    largest = expected.abs().max().clamp(min=torch.finfo(torch.float32).tiny)
    deviation = float((found.float() - expected).abs().max() / largest)
    return Checked(what, deviation, in_a_layer)


@torch.inference_mode()
def _parts(model: Any, sites: HeadSites, ids: Tensor) -> list[Checked]:
    layers = range(sites.grid.layers)
    with capture_attention(model, layers) as outputs, capture_z(model, layers) as z:
        model(input_ids=ids, use_cache=False)
    found = []
    for layer in layers:
        weight = sites.output_weight(layer).float()
        parts = torch.einsum("bshd,hde->bse", z[layer].float(), weight)
        bias = sites.output_bias(layer)
        whole = parts if bias is None else parts + bias.float()
        what = f"the output of attention in layer {layer} and the sum of its heads' parts"
        found.append(_apart(what, whole, outputs[layer]))
    return found


@torch.inference_mode()
def _zeroed(model: Any, sites: HeadSites, ids: Tensor, head: Head) -> list[Checked]:
    runs = []
    for heads in ((), (head,)):
        with (
            HeadAblator(model, heads),
            capture_attention(model, [head.layer]) as outputs,
            capture_residual(model) as streams,
            capture_z(model, [head.layer]) as z,
        ):
            model(input_ids=ids, use_cache=False)
        runs.append((outputs[head.layer].float(), streams, z[head.layer][:, :, head.head].float()))
    (whole, before, z_of_head), (without, after, _) = runs
    if not all(torch.equal(before[layer], after[layer]) for layer in range(head.layer + 1)):
        return [Checked(f"streams before layer {head.layer}, with and without {head},", inf)]
    part = z_of_head @ sites.output_weight(head.layer)[head.head].float()
    what = f"what zeroing {head} takes from the output of attention and the head's part of it"
    return [_apart(what, without, whole - part)]


@torch.inference_mode()
def _uniform(model: Any, ids: Tensor, head: Head) -> list[Checked]:
    found = []
    with HeadAblator(model, [head], UniformCausalAblation()), capture_z(model, [head.layer]) as z:
        model(input_ids=ids, use_cache=False)
        found.append(z[head.layer][:, :, head.head])
    layout = _ZeroQueries(head)
    with lay_out(model, layout), capture_z(model, [head.layer]) as z:
        model(input_ids=ids, use_cache=False)
        found.append(z[head.layer][:, :, head.head])
    return [_apart(f"z of {head} under uniform attention and with its queries zeroed", *found)]


@dataclass(frozen=True)
class _ZeroQueries:
    """Tokens as ever, and attention in which the queries of a head are 0."""

    head: Head

    def mask(self, make: MakeMask, **asked: Any) -> Any:
        return make(**asked)

    def attend(
        self, kernel: Kernel, query: Tensor, key: Tensor, value: Tensor, mask: Any
    ) -> Float[Tensor, "batch rows heads dim"]:
        if kernel.layer == self.head.layer:
            query = query.clone()
            query[:, self.head.head] = 0
        return kernel(query, key, value, mask)


@torch.inference_mode()
def _logits(model: Any, sites: HeadSites, ids: Tensor) -> list[Checked]:
    tree = TokenTree(ids.tolist())
    one = LayerwisePass(sites, tree)
    stream = one.embedded
    for layer in range(sites.grid.layers):
        z, _ = one.attend(layer, stream)
        stream = one.finish(layer, stream, z)
    hidden = one.normalise(stream)[0]
    rows = [tree.places(row)[-COMPARED:].to(hidden.device) for row in range(len(ids))]
    found = logits_of(model, torch.stack([hidden[places] for places in rows]))
    expected = model(input_ids=ids, use_cache=False, logits_to_keep=COMPARED).logits
    what = f"logits of the layers one by one and of the whole model, at {ids.shape[1]} tokens,"
    return [_apart(what, found, expected, in_a_layer=False)]


def _answers(model: Any, sites: HeadSites, ids: Tensor) -> list[Checked]:
    """Where a token differs, the logits say by how much: near ties are nobody's fault."""
    heads = (Head(sites.grid.layers // 2, 0),)
    expected = greedy_ids(model, ids, [heads] * len(ids), max_new_tokens=DECODED).tolist()
    drafts, furthest = Drafts(), 0.0
    for _ in range(2):  # the second time everything is drafted
        for _, answers in greedy_tokens(
            model, ids, [heads], ZeroAblation(), max_new_tokens=DECODED, drafts=drafts
        ):
            for prompt, found, wanted in zip(ids, answers, expected, strict=True):
                furthest = max(furthest, _gap(model, prompt, heads, found, wanted))
    what = f"logits of drafted tokens and of those that generate gives, at {ids.shape[1]} tokens,"
    return [Checked(what, furthest)]


@torch.inference_mode()
def _decoded(model: Any, sites: HeadSites, ids: Tensor) -> list[Checked]:
    """What is decoded on top of a cache, and what the whole text says that comes next."""
    heads = (Head(sites.grid.layers // 2, 0),)
    answers = greedy_ids(model, ids, [heads] * len(ids), max_new_tokens=DECODED)
    ends, goes_on = torch.tensor(sorted(end_tokens(model)), device=ids.device), len(ids) * [True]
    gaps = []
    for place in range(answers.shape[1]):
        with HeadAblator(model, heads):
            text = torch.cat([ids, answers[:, :place]], dim=1)
            logits = model(input_ids=text, use_cache=False, logits_to_keep=1).logits[:, -1].float()
        given = answers[:, place].to(logits.device)
        apart = logits.max(dim=1).values - logits.gather(1, given[:, None])[:, 0]
        gaps += (apart / logits.abs().max(dim=1).values)[goes_on].tolist()
        # Behind its end an answer is padded while others go on.
        ended = torch.isin(given, ends.to(given)).tolist()
        goes_on = [on and not end for on, end in zip(goes_on, ended, strict=True)]
    what = f"logits of decoded tokens and of the likeliest ones, at {ids.shape[1]} tokens,"
    return [Checked(what, float(torch.tensor(gaps).max()))]


@torch.inference_mode()
def _gap(
    model: Any, prompt: Tensor, heads: Sequence[Head], found: Sequence[int], wanted: Sequence[int]
) -> float:
    """By how much the logits of the first tokens that differ do, of the largest one; 0 if none."""
    for place, (one, other) in enumerate(zip(found, wanted, strict=False)):
        if one != other:
            begun = torch.tensor(wanted[:place], dtype=prompt.dtype, device=prompt.device)
            with HeadAblator(model, heads):
                ids = torch.cat([prompt, begun])[None]
                logits = model(input_ids=ids, use_cache=False).logits[0, -1].float()
            return float((logits[one] - logits[other]).abs() / logits.abs().max())
    return 0.0
