"""Checkpoints as people have them."""

import json
import shutil

import pytest
import torch
import transformers as hf

from ablation.ablator import HeadAblator
from ablation.engine.batches import answers_in_batches
from ablation.engine.engines import FastEngine
from ablation.errors import InvalidInput
from ablation.heads import Head
from ablation.models.directory import fingerprint
from ablation.models.loading import load_model
from ablation.models.registry import model_spec
from ablation.modes.zero import ZeroAblation
from ablation.passes.positions import context_of
from ablation.tests.support.tiny_models import tiny_directory

IDS = torch.arange(3, 23)[None]


@pytest.fixture
def directory(tmp_path):
    return tiny_directory(tmp_path / "tiny", layers=2, heads=4)


def load(directory, **options):
    return load_model(model_spec(str(directory)), **options)


def edit(directory, **changes):
    path = directory / "config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**config, **changes}), encoding="utf-8")


@torch.no_grad()
def logits_of(loaded):
    return loaded.model(IDS).logits


def test_shards_and_whole_files_are_one_model(directory, tmp_path):
    whole = load(directory)
    sharded = tmp_path / "sharded"
    whole.model.save_pretrained(sharded, max_shard_size="40kB")
    whole.tokenizer.save_pretrained(sharded)
    assert len(list(sharded.glob("*.safetensors"))) > 1
    assert torch.equal(logits_of(load(sharded)), logits_of(whole))


@pytest.mark.parametrize("stored", ["bfloat16", "float16"])
def test_narrow_weights_load_in_the_dtype_that_is_asked_for(directory, tmp_path, stored):
    narrow = tmp_path / "narrow"
    loaded = load(directory, dtype=stored)
    hf.PreTrainedModel.save_pretrained(loaded.model, narrow)
    loaded.tokenizer.save_pretrained(narrow)
    wide = load(narrow)
    assert wide.model.dtype is torch.float32
    expected = dict(loaded.model.named_parameters())
    for name, weights in wide.model.named_parameters():
        assert torch.equal(weights, expected[name].float())
    assert load(narrow, dtype=stored).model.dtype is getattr(torch, stored)


@pytest.mark.parametrize("tied", [True, False])
def test_tied_and_untied_embeddings(tmp_path, tied):
    path = tiny_directory(tmp_path / "tiny", layers=2, heads=4)
    config = hf.AutoConfig.from_pretrained(path)
    config.tie_word_embeddings = tied
    torch.manual_seed(0)
    made = hf.LlamaForCausalLM(config).eval()
    made.save_pretrained(path)
    # Ours may multiply by another kernel than torch's own: an AMD EPYC gives other last digits.
    torch.testing.assert_close(logits_of(load(path)), made(IDS).logits.detach())


def test_the_weights_of_another_loader_are_not_looked_at(directory):
    before = fingerprint(directory)
    shutil.copy(directory / "model.safetensors", directory / "consolidated.00.safetensors")
    assert fingerprint(directory) == before
    load(directory)


def test_an_added_token_without_a_row_is_in_the_way_only_where_it_stands(directory):
    tokenizer = hf.AutoTokenizer.from_pretrained(directory)
    tokenizer.add_tokens(["[PAD]"], special_tokens=True)
    tokenizer.save_pretrained(directory)
    loaded = load(directory)
    model, words = loaded.model, loaded.tokenizer
    answer = answers_in_batches(
        FastEngine(), model, words, [words("one two")["input_ids"]], [()], ZeroAblation()
    )
    assert len(list(answer)) == 1
    text = words("one [PAD] two")["input_ids"]
    with pytest.raises(InvalidInput, match="a text has token 258, which was added to the token"):
        list(answers_in_batches(FastEngine(), model, words, [text], [()], ZeroAblation()))


def test_an_adapter_is_refused_by_name(directory):
    (directory / "config.json").rename(directory / "adapter_config.json")
    with pytest.raises(InvalidInput, match="an adapter is no whole model: merge it with its base"):
        load(directory)


@pytest.mark.parametrize("method", ["awq", "gptq", "bitsandbytes", "fp8", "compressed-tensors"])
def test_quantised_weights_are_refused_by_name(directory, method):
    edit(directory, quantization_config={"quant_method": method, "bits": 4})
    with pytest.raises(
        InvalidInput, match=f"these are \\(by '{method}'\\): give a copy in float32"
    ):
        load(directory)


@pytest.mark.parametrize(
    ("rope", "expected"),
    [
        ({"rope_type": "default"}, 2048),
        ({"rope_type": "linear", "factor": 4.0}, 8192),
        ({"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 512}, 2048),
    ],
    ids=lambda given: given["rope_type"] if isinstance(given, dict) else "",
)
def test_the_context_of_scaled_positions(directory, rope, expected):
    edit(directory, rope_parameters={"rope_theta": 10000.0, **rope})
    loaded = load(directory)
    assert (loaded.context, context_of(loaded.model.config)) == (expected, expected)
    with torch.no_grad(), HeadAblator(loaded.model, [Head(0, 1)]):
        assert loaded.model(IDS).logits.isfinite().all()
