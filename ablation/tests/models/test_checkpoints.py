"""Checkpoints as people have them."""

import json
import shutil

import pytest
import torch
import transformers as hf
from safetensors.torch import load_file, save_file

from ablation.engine.batches import answers_in_batches
from ablation.engine.engines import FastEngine
from ablation.errors import InvalidInput, Notice
from ablation.models.directory import fingerprint
from ablation.models.loading import load_model
from ablation.models.registry import model_spec
from ablation.modes.zero import ZeroAblation
from ablation.passes.generation import end_tokens, greedy_answers
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


@pytest.mark.parametrize("alone", [True, False], ids=["alone", "beside its model"])
def test_an_adapter_is_refused_by_name(directory, alone):
    shutil.copy(directory / "config.json", directory / "adapter_config.json")
    if alone:
        (directory / "config.json").unlink()
    with pytest.raises(InvalidInput, match="a model without an adapter is required.*: merge it"):
        load(directory)


def add_weights(directory, **shapes):
    path = directory / "model.safetensors"
    more = {name: torch.ones(shape) for name, shape in shapes.items()}
    save_file({**load_file(path), **more}, path, {"format": "pt"})


LAYER = "model.layers.1.self_attn"


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        (f"{LAYER}.o_proj.bias", (16,)),
        (f"{LAYER}.q_proj.lora_A.weight", (2, 16)),
        (f"{LAYER}.k_proj.weight_scale_inv", (1, 1)),
        (f"{LAYER}.q_norm.weight", (4,)),
        ("model.norm.bias", (16,)),
        ("lm_head.bias", (258,)),
    ],
)
def test_weights_that_would_be_left_out_are_refused_by_name(directory, name, shape):
    add_weights(directory, **{name: shape})
    with pytest.raises(InvalidInput, match=f"1 would be left out, the first is '{name}': merge"):
        load(directory)


def test_a_model_that_its_config_cuts_off_is_refused(directory):
    edit(directory, num_hidden_layers=1)
    with pytest.raises(InvalidInput, match="1 would be left out, the first is 'model.layers.1':"):
        load(directory)


def test_names_without_that_of_the_decoder_are_known_as_well(directory):
    path = directory / "model.safetensors"
    short = {name.removeprefix("model."): one for name, one in load_file(path).items()}
    save_file(short, path, {"format": "pt"})
    load(directory)
    add_weights(directory, **{"layers.0.self_attn.q_proj.weight_scale": (1,)})
    with pytest.raises(InvalidInput, match="1 would be left out, the first is 'layers.0.self_att"):
        load(directory)


@pytest.mark.parametrize(
    "name",
    [
        f"{LAYER}.rotary_emb.inv_freq",
        "model.layers.2.eh_proj.weight",
        "model.vision_tower.patch.weight",
        "multi_modal_projector.weight",
    ],
)
def test_weights_of_others_are_not_missed(directory, name):
    expected = logits_of(load(directory))
    add_weights(directory, **{name: (2,)})
    assert torch.equal(logits_of(load(directory)), expected)


def test_a_head_that_is_tied_may_be_stored_as_well(directory):
    edit(directory, tie_word_embeddings=True)
    weights = load_file(directory / "model.safetensors")
    weights["lm_head.weight"] = weights["model.embed_tokens.weight"].clone()
    save_file(weights, directory / "model.safetensors", {"format": "pt"})
    load(directory)


@pytest.mark.parametrize("method", ["awq", "gptq", "bitsandbytes", "fp8", "compressed-tensors"])
def test_quantised_weights_are_refused_by_name(directory, method):
    edit(directory, quantization_config={"quant_method": method, "bits": 4})
    with pytest.raises(
        InvalidInput, match=f"these are \\(by '{method}'\\): give a copy in float32"
    ):
        load(directory)


def test_a_quantisation_without_a_name_is_called_what_it_says(directory):
    edit(directory, quantization_config={"load_in_8bit": True})
    with pytest.raises(InvalidInput, match=r"these are \(by 'load_in_8bit'\)"):
        load(directory)


ORIGINAL = {"original_max_position_embeddings": 512}
FACTORS = {"short_factor": [1.0, 1.0], "long_factor": [2.0, 2.0]}


@pytest.mark.parametrize(
    ("rope", "context", "longest_prompt"),
    [
        ({"rope_type": "default"}, 2048, 2048),
        ({"rope_type": "linear", "factor": 4.0}, 8192, 8192),
        ({"rope_type": "dynamic", "factor": 4.0}, 2048, 2048 - 9),
        ({"rope_type": "yarn", "factor": 4.0, **ORIGINAL}, 2048, 2048),
        ({"rope_type": "yarn", "factor": 16.0, **ORIGINAL}, 8192, 8192),
        (
            {
                "rope_type": "llama3",
                "factor": 4.0,
                "low_freq_factor": 1.0,
                "high_freq_factor": 4.0,
                **ORIGINAL,
            },
            2048,
            2048,
        ),
        ({"rope_type": "longrope", **FACTORS, **ORIGINAL}, 2048, 2048),
    ],
)
def test_the_context_of_scaled_positions(directory, rope, context, longest_prompt):
    edit(directory, rope_parameters={"rope_theta": 10000.0, **rope})
    loaded = load(directory)
    assert loaded.model.config.rope_parameters["rope_type"] == rope["rope_type"]
    assert (loaded.context, loaded.longest_prompt) == (context, longest_prompt)


@pytest.mark.parametrize(
    ("config", "size"),
    [(hf.GPTJConfig, "n_positions"), (hf.CodeGenConfig, "n_positions"), (hf.MptConfig, None)],
)
def test_the_longest_prompt_where_positions_are_a_table_leaves_room_for_an_answer(
    directory, config, size
):
    tables = {"max_seq_len": 64, "d_model": 16, "n_heads": 4, "n_layers": 2}
    if size is not None:
        tables = {size: 64, "n_embd": 16, "n_head": 4, "n_layer": 2, "rotary_dim": 4}
    made = hf.AutoModelForCausalLM.from_config(config(vocab_size=258, eos_token_id=257, **tables))
    made.save_pretrained(directory)
    loaded = load(directory)
    assert (loaded.context, loaded.longest_prompt) == (64, 64 - 9)
    prompt = list(range(3, 3 + loaded.longest_prompt))
    (answer,) = greedy_answers(loaded.model, loaded.tokenizer, prompt, [()])
    assert answer.text


def test_what_bends_answers_is_left_out_and_said(directory):
    plain = load(directory)
    ids = plain.tokenizer("aaaa")["input_ids"]
    expected = greedy_answers(plain.model, plain.tokenizer, ids, [()])
    first = plain.tokenizer(expected[0].text, add_special_tokens=False)["input_ids"][0]
    bent = {
        "do_sample": True,
        "temperature": 5.0,
        "repetition_penalty": 50.0,
        "suppress_tokens": [first],
        "bad_words_ids": [[first]],
        "forced_eos_token_id": 5,
        "eos_token_id": [257, 255],
    }
    path = directory / "generation_config.json"
    path.write_text(json.dumps(bent), encoding="utf-8")
    listed = "asks for bad_words_ids, do_sample, forced_eos_token_id, repetition_penalty"
    with pytest.warns(Notice, match=listed):
        loaded = load(directory)
    assert greedy_answers(loaded.model, loaded.tokenizer, ids, [()]) == expected
    assert end_tokens(loaded.model) == {257, 255}
