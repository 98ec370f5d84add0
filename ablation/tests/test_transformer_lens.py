"""Against an independent implementation: TransformerLens 4's TransformerBridge."""

import copy
import math

import pytest
import torch

from ablation.ablator import HeadAblator
from ablation.heads import Head
from ablation.metrics.measured_perplexity import perplexity
from ablation.modes import BiasPolicy
from ablation.modes.zero import ZeroAblation
from ablation.tests.support.tiny_models import byte_tokenizer, random_ids, tiny_model
from ablation.tests.support.tolerances import REAL_MODEL_LOGITS, REAL_MODEL_PERPLEXITY, assert_same

bridge_module = pytest.importorskip(
    "transformer_lens.model_bridge", reason="needs TransformerLens: pip install -e '.[test]'"
)

A_DOZEN = [Head(layer, head) for layer in (0, 8, 17, 29) for head in (0, 4, 8)]
TINY_HEADS = [Head(0, 1), Head(1, 2), Head(2, 0)]


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    """The bridge wants one that was loaded from somewhere, though ids are all it is given."""
    from transformers import AutoTokenizer

    path = tmp_path_factory.mktemp("tokenizer")
    byte_tokenizer().save_pretrained(path)
    return AutoTokenizer.from_pretrained(path)


@pytest.fixture
def bridge_of(tokenizer):
    """The bridge takes a model apart: it gets a copy."""

    def bridge(model, name):
        return bridge_module.TransformerBridge.boot_transformers(
            name, hf_model=copy.deepcopy(model), tokenizer=tokenizer
        )

    return bridge


def _zero(index):
    def hook(z, hook):
        z = z.clone()
        z[:, :, index] = 0
        return z

    return hook


def _bridged(bridge, heads, ids):
    hooks = [(f"blocks.{head.layer}.attn.hook_z", _zero(head.head)) for head in heads]
    with torch.no_grad():
        return bridge.run_with_hooks(ids, fwd_hooks=hooks)


def _ablated(model, heads, ids, bias=BiasPolicy.REMOVE):
    with HeadAblator(model, heads, ZeroAblation(bias=bias)), torch.no_grad():
        return model(ids).logits


@pytest.mark.parametrize("heads", [[head] for head in TINY_HEADS] + [TINY_HEADS], ids=str)
def test_bias_policies_are_those_of_transformer_lens_without_and_with_folding(heads, bridge_of):
    model, ids = tiny_model("gpt2"), random_ids(12)
    removed = _ablated(model, heads, ids)
    kept = _ablated(model, heads, ids, BiasPolicy.KEEP).log_softmax(-1)
    bridge = bridge_of(model, "gpt2")
    assert_same(_bridged(bridge, heads, ids), removed)
    bridge.enable_compatibility_mode()
    # Folding shifts all logits of a position alike.
    assert_same(_bridged(bridge, heads, ids).log_softmax(-1), kept)
    assert (kept - removed.log_softmax(-1)).abs().max() > 0.01


def test_without_value_biases_folding_changes_nothing(bridge_of):
    model, ids = tiny_model("llama-gqa"), random_ids(12)
    removed, kept = (_ablated(model, TINY_HEADS, ids, bias=bias) for bias in BiasPolicy)
    assert torch.equal(removed, kept)
    bridge = bridge_of(model, "meta-llama/Llama-2-7b-hf")
    assert_same(_bridged(bridge, TINY_HEADS, ids), removed)
    bridge.enable_compatibility_mode()
    folded = _bridged(bridge, TINY_HEADS, ids)
    assert_same(folded.log_softmax(-1), removed.log_softmax(-1))


def _smollm2():
    from ablation.models.loading import load_model
    from ablation.models.registry import model_spec

    return load_model(model_spec("smollm2"))


def _smollm2_bridge(loaded):
    """Of the model itself, which is no longer of use to us afterwards."""
    return bridge_module.TransformerBridge.boot_transformers(
        loaded.spec.name.split()[0], hf_model=loaded.model, tokenizer=loaded.tokenizer
    )


@pytest.mark.model
def test_zeroing_z_gives_the_logits_of_transformer_lens():
    loaded = _smollm2()
    text = "The company was incorporated in the State of Delaware in 1962 and has 14,200 employees."
    ids = torch.tensor([loaded.tokenizer(text)["input_ids"]])
    ours = [_ablated(loaded.model, [head], ids) for head in A_DOZEN]
    bridge = _smollm2_bridge(loaded)
    for head, logits in zip(A_DOZEN, ours, strict=True):
        assert_same(logits, _bridged(bridge, [head], ids), REAL_MODEL_LOGITS)


@pytest.mark.model
def test_perplexities_are_those_of_a_transformer_lens_loop():
    from ablation.assets.text import read_text, tokenise

    loaded = _smollm2()
    ids = tokenise(read_text("embedded"), loaded.tokenizer, 256).ids
    sets = [[], *([head] for head in A_DOZEN)]
    ours = []
    for heads in sets:
        with HeadAblator(loaded.model, heads):
            ours.append(perplexity(loaded.model, ids, window=128).value)
    bridge = _smollm2_bridge(loaded)
    theirs = [_bridged_perplexity(bridge, heads, ids.split(128)) for heads in sets]
    assert ours == pytest.approx(theirs, **REAL_MODEL_PERPLEXITY)
    changes = [abs(ppl / ours[0] - 1) for ppl in ours[1:]]
    assert max(changes) > 100 * REAL_MODEL_PERPLEXITY["rel"]


def _bridged_perplexity(bridge, heads, windows):
    nll = [
        torch.nn.functional.cross_entropy(_bridged(bridge, heads, ids[None])[0, :-1], ids[1:])
        for ids in windows
    ]
    return math.exp(torch.stack(nll).double().mean())
