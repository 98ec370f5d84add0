"""The ablator is exact: proven on tiny random models of every architecture in the table."""

import pytest
import torch
from torch import nn
from transformers import OPTForCausalLM

from ablation.ablator import AblationNotApplied, HeadAblator
from ablation.errors import InvalidInput
from ablation.heads import Head, HeadGrid
from ablation.hooks.capture import capture_attention, capture_z
from ablation.hooks.families import FAMILIES, family_of
from ablation.hooks.sites import head_sites
from ablation.modes import BiasPolicy, Scope
from ablation.modes.zero import ZeroAblation
from ablation.tests.support.empty_streams import z_of_empty_streams
from ablation.tests.support.tiny_models import (
    CONFIGS,
    LAYERS,
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


def hooks_of(model):
    return [
        hook
        for module in model.modules()
        for hook in (*module._forward_pre_hooks.values(), *module._forward_hooks.values())
    ]


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
        width = sites.head_dim(head.layer)
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


def test_nothing_remains_after_the_context_or_an_exception(model):
    ids = random_ids(9)
    before = logits(model, ids)
    with HeadAblator(model, HEADS):
        logits(model, ids)
    with pytest.raises(KeyError), HeadAblator(model, HEADS):
        raise KeyError
    assert hooks_of(model) == []
    assert torch.equal(logits(model, ids), before)


def test_hooks_of_others_stay(llama):
    handle = llama.base_model.layers[0].self_attn.o_proj.register_forward_pre_hook(
        lambda module, args: None
    )
    with HeadAblator(llama, HEADS):
        logits(llama, random_ids(9))
    assert len(hooks_of(llama)) == 1
    handle.remove()


def test_ablators_nest(llama):
    ids = random_ids(9)
    with HeadAblator(llama, HEADS):
        together = logits(llama, ids)
    with HeadAblator(llama, HEADS[:2]):
        with HeadAblator(llama, HEADS[2:]):
            nested = logits(llama, ids)
        with HeadAblator(llama, HEADS[:2]):
            inner_gone = logits(llama, ids)
    with HeadAblator(llama, HEADS[:2]):
        outer = logits(llama, ids)
    assert torch.equal(nested, together)
    assert torch.equal(inner_gone, outer)


def test_a_value_bias_is_measured_under_an_open_ablator_that_has_run():
    model, ids = tiny_model("gpt2"), random_ids(9, rows=2)
    with HeadAblator(model, HEADS[:1]), HeadAblator(model, HEADS[1:], KEEP):
        expected = logits(model, ids)
    with HeadAblator.per_row(model, [HEADS[:1]] * 2):
        logits(model, ids)
        with HeadAblator(model, HEADS[1:], KEEP):
            assert torch.equal(logits(model, ids), expected)


def test_inputs_are_not_edited_in_place(llama):
    projection = llama.base_model.layers[1].self_attn.o_proj
    seen = []
    handle = projection.register_forward_pre_hook(lambda module, args: seen.append(args[0]))
    copies = []
    second = projection.register_forward_pre_hook(
        lambda module, args: copies.append(args[0].clone())
    )
    with HeadAblator(llama, [Head(1, 1)]):
        logits(llama, random_ids(9))
    handle.remove()
    second.remove()
    assert torch.equal(seen[0], copies[0])


class Bypass(nn.Module):
    """Stands for a fused kernel that reads the weight without calling the module."""

    def __init__(self, projection):
        super().__init__()
        self.projection = projection
        self.in_features = projection.in_features

    def forward(self, z):
        return nn.functional.linear(z, self.projection.weight)


def test_a_bypassed_projection_is_an_error_not_a_figure(llama):
    attention = llama.base_model.layers[1].self_attn
    ablator = HeadAblator(llama, HEADS)
    attention.o_proj = Bypass(attention.o_proj)
    with pytest.raises(AblationNotApplied, match="the hooks fired"), ablator:
        logits(llama, random_ids(9))


def test_a_context_in_which_the_model_never_ran_is_an_error(llama):
    with pytest.raises(AblationNotApplied, match="no forward pass"), HeadAblator(llama, HEADS):
        pass


@pytest.mark.parametrize(
    ("heads", "message"),
    [
        ([Head(LAYERS, 0)], "head L3H0 is out of range: the model has 3 layers"),
        ([Head(0, 4)], "head L0H4 is out of range.*4 query heads"),
        ([Head(-1, 0)], "out of range"),
        ([Head(0, 1), Head(0, 1)], "head L0H1 is listed twice"),
    ],
)
def test_impossible_heads_are_refused(llama, heads, message):
    with pytest.raises(InvalidInput, match=message):
        HeadAblator(llama, heads)
    with pytest.raises(InvalidInput, match=message):
        HeadAblator.per_row(llama, [[], heads])


def test_a_batch_of_another_size_is_refused(llama):
    with (
        pytest.raises(InvalidInput, match="given 2 rows of heads, but the batch has 3"),
        HeadAblator.per_row(llama, [[Head(0, 0)], []]),
    ):
        logits(llama, random_ids(9, rows=3))


def test_an_ablator_cannot_be_opened_twice_at_once(llama):
    with HeadAblator(llama, HEADS) as ablator:
        logits(llama, random_ids(9))
        with pytest.raises(RuntimeError, match="already open"), ablator:
            pass
    with ablator:
        logits(llama, random_ids(9))


def test_an_unknown_model_class_is_refused():
    with pytest.raises(InvalidInput, match="no known head site for model class Linear"):
        head_sites(nn.Linear(2, 2))


def test_a_family_that_cannot_be_had_is_refused_with_its_reason():
    with pytest.raises(InvalidInput, match="BitNetForCausalLM is not taken: z of all heads is"):
        family_of("BitNetForCausalLM")
    with pytest.raises(InvalidInput, match=r"is required \(such as LlamaForCausalLM\)"):
        family_of("LlamaxForCausalLM")


def test_a_model_that_is_built_otherwise_than_its_family_is_refused():
    """As OPT-350m is, whose normalisations stand behind attention and MLP."""
    config = CONFIGS["opt"]()
    config.do_layer_norm_before = False
    model = OPTForCausalLM(config)
    with pytest.raises(InvalidInput, match="this OPTForCausalLM has no heads where its fam"):
        head_sites(model)


def test_the_grid_counts_query_heads():
    assert head_sites(tiny_model("llama-mqa")).grid == HeadGrid.even(LAYERS, 4)


def test_head_dim_is_not_hidden_size_over_heads():
    assert head_sites(tiny_model("llama-head-dim")).head_dim(0) == 12


@pytest.mark.parametrize("name", ["L1", "1-2", "L1H", "l1h2", "L1H2 ", "L-1H2", "L1H99999"])
def test_a_bad_head_name_is_refused(name):
    with pytest.raises(InvalidInput, match="bad head name"):
        Head.parse(name)


def test_head_names_round_trip():
    assert Head.parse(str(Head(15, 30))) == Head(15, 30)
