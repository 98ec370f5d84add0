"""The ablator is exact: proven on tiny random models of every architecture in the table."""

import pytest
import torch

from ablation.ablator import AblationNotApplied, HeadAblator
from ablation.heads import Head
from ablation.hooks.capture import capture_attention, capture_z
from ablation.hooks.families import FAMILIES
from ablation.hooks.sites import head_sites
from ablation.modes import BiasPolicy, Scope
from ablation.modes.zero import ZeroAblation
from ablation.tests.support.empty_streams import z_of_empty_streams
from ablation.tests.support.tiny_models import (
    CONFIGS,
    random_ids,
    tiny_model,
)
from ablation.tests.support.tolerances import assert_same

HEADS = [Head(0, 1), Head(1, 0), Head(1, 3), Head(2, 2)]
KEEP = ZeroAblation(bias=BiasPolicy.KEEP)
DECODE = ZeroAblation(scope=Scope.DECODE)


def logits(model, ids):
    with torch.no_grad():
        return model(ids).logits


def attention_output(model, layer, ids):
    """What the attention of ``layer`` adds to the stream, and the z it was made of."""
    with capture_attention(model, [layer]) as output, capture_z(model, [layer]) as z:
        logits(model, ids)
    return output[layer], z[layer]


def check_exactness(model, ablate):
    """Ablating one head removes exactly its contribution, and only that.

    ``ablate(model, head)`` gives the context manager under test.
    """
    ids = random_ids(9, rows=2)
    weight = head_sites(model).output_weight(1)
    for index in range(4):
        whole, z = attention_output(model, 1, ids)
        with ablate(model, Head(1, index)):
            ablated, z_ablated = attention_output(model, 1, ids)
        contribution = torch.einsum("bsd,de->bse", z[:, :, index], weight[index])
        assert_same(ablated, whole - contribution)
        others = [other for other in range(4) if other != index]
        assert torch.equal(z_ablated[:, :, others], z[:, :, others])
        assert not z_ablated[:, :, index].any()


def test_every_architecture_of_the_table_has_a_tiny_model():
    assert {type(tiny_model(name)).__name__ for name in CONFIGS} == set(FAMILIES)


def test_ablating_a_head_subtracts_exactly_its_contribution(model):
    check_exactness(model, lambda model, head: HeadAblator(model, [head]))


class OutputSliceAblator:
    """The commonest bug of the field: a slice of the projection's *output* taken for a head."""

    def __init__(self, model, head):
        sites = head_sites(model)
        width = sites.layers[head.layer].head_dim
        start = head.head * width

        def hook(module, args, output):
            output = output.clone()
            output[..., start : start + width] = 0
            return output

        self._register = lambda: sites.layers[head.layer].projection.register_forward_hook(hook)

    def __enter__(self):
        self._handle = self._register()

    def __exit__(self, *error):
        self._handle.remove()


@pytest.mark.parametrize(
    "wrong",
    [
        OutputSliceAblator,
        lambda model, head: HeadAblator(model, [Head(head.layer, (head.head + 1) % 4)]),
        lambda model, head: HeadAblator(model, [Head(head.layer - 1, head.head)]),
        lambda model, head: HeadAblator(model, []),
    ],
    ids=["output-slice", "wrong-head", "wrong-layer", "nothing"],
)
def test_a_wrong_ablator_fails_the_exactness_check(llama, wrong):
    with pytest.raises(AssertionError):
        check_exactness(llama, wrong)


def test_an_empty_ablation_is_bit_identical(model):
    ids = random_ids(9, rows=2)
    before = logits(model, ids)
    with HeadAblator(model, []):
        assert torch.equal(logits(model, ids), before)
    with HeadAblator.per_row(model, [[], []]):
        assert torch.equal(logits(model, ids), before)


def test_zeroing_every_head_leaves_only_the_output_bias(model):
    sites = head_sites(model)
    with HeadAblator(model, [Head(1, head) for head in range(4)]):
        output, _ = attention_output(model, 1, random_ids(9))
    bias = getattr(sites.layers[1].projection, "bias", None)
    expected = torch.zeros_like(output) if bias is None else bias.detach().expand_as(output)
    if sites.family.adds_residual:
        assert_same(output, expected)
    else:
        assert torch.equal(output, expected)


def test_bias_policies_differ_exactly_where_there_are_value_biases(model):
    if not head_sites(model).family.averages_values:
        return  # test_value_bias.py: none is kept there
    ids = random_ids(9)
    with HeadAblator(model, HEADS):
        removed = logits(model, ids)
    with HeadAblator(model, HEADS, KEEP):
        kept = logits(model, ids)
    has_biases = any(z.any() for z in z_of_empty_streams(model))
    assert torch.equal(removed, kept) != has_biases


@pytest.mark.parametrize("name", ["llama-biases", "qwen2", "gpt2", "gpt-neox", "phi", "opt"])
def test_keeping_the_bias_equals_zeroing_with_the_bias_folded_into_the_output(name):
    model, ids = tiny_model(name), random_ids(9)
    sites = head_sites(model)
    with HeadAblator(model, [Head(1, 2)], KEEP):
        kept, _ = attention_output(model, 1, ids)
    whole, z = attention_output(model, 1, ids)
    bias = sites.layers[1].value_bias
    assert bias is not None
    without_bias = z[:, :, 2] - bias[2]
    contribution = torch.einsum("bsd,de->bse", without_bias, sites.output_weight(1)[2])
    assert_same(kept, whole - contribution)


def test_prefill_and_decoding_equal_one_forward(model):
    ids = random_ids(12)
    with HeadAblator(model, HEADS), torch.no_grad():
        whole = model(ids).logits
        prefill = model(ids[:, :9], use_cache=True)
        parts, cache = [prefill.logits], prefill.past_key_values
        for position in range(9, 12):
            step = model(ids[:, position : position + 1], past_key_values=cache, use_cache=True)
            parts.append(step.logits)
    assert_same(torch.cat(parts, dim=1), whole)


def test_rows_of_a_batch_have_their_own_heads(model):
    ids = random_ids(9).expand(3, -1)
    row_heads = [[], [Head(0, 1), Head(2, 3)], [Head(1, 0)]]
    with HeadAblator.per_row(model, row_heads):
        together = logits(model, ids)
    for row, heads in enumerate(row_heads):
        with HeadAblator(model, heads):
            assert_same(together[row], logits(model, ids[:1])[0])


def test_generate_under_per_row_ablation_equals_generate_row_by_row(model):
    ids = random_ids(9)
    options = {"max_new_tokens": 6, "do_sample": False}
    row_heads = [HEADS, [], [Head(0, 0)]]
    with HeadAblator.per_row(model, row_heads):
        together = model.generate(input_ids=ids.expand(3, -1), **options)
    for row, heads in enumerate(row_heads):
        with HeadAblator(model, heads):
            alone = model.generate(input_ids=ids, **options)[0]
        assert together[row, : len(alone)].tolist() == alone.tolist()


def test_decode_scope_leaves_the_prefill_alone(llama):
    ids = random_ids(10)
    with torch.no_grad():
        plain = llama(ids[:, :9], use_cache=True)
        with HeadAblator(llama, HEADS, DECODE):
            prefill = llama(ids[:, :9], use_cache=True)
            step = llama(ids[:, 9:], past_key_values=prefill.past_key_values).logits
        with HeadAblator(llama, HEADS):
            expected = llama(ids[:, 9:], past_key_values=plain.past_key_values).logits
    assert torch.equal(prefill.logits, plain.logits)
    assert torch.equal(step, expected)


def test_decode_scope_without_a_cache_raises_instead_of_doing_nothing(llama):
    with (
        pytest.raises(AblationNotApplied, match="scope 'decode' needs a cache"),
        HeadAblator(llama, HEADS, DECODE),
    ):
        llama(random_ids(9), use_cache=False)


def test_that_nothing_was_due_is_said_and_holds_for_one_context(llama):
    ablator = HeadAblator(llama, [Head(0, 1)], ZeroAblation(scope=Scope.DECODE))
    with ablator:
        llama(random_ids(5))
        ablator.nothing_was_due()
    with pytest.raises(AblationNotApplied, match="no forward pass of scope decode"), ablator:
        llama(random_ids(5))
