"""Model directories that cannot be used: what was required is said in one line."""

import json
import os
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from ablation.errors import InvalidInput
from ablation.models.loading import load_model
from ablation.models.registry import model_spec
from ablation.models.weight_files import INDEX
from ablation.tests.support.tiny_models import tiny_directory

WEIGHTS = "model.safetensors"


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return tiny_directory(tmp_path_factory.mktemp("models") / "tiny", layers=2, heads=2)


@pytest.fixture
def directory(whole, tmp_path):
    return shutil.copytree(whole, tmp_path / "tiny")


def load(directory):
    return load_model(model_spec(str(directory)))


def edit(name, **fields):
    def spoil(directory):
        path = directory / name
        content = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        path.write_text(json.dumps(content | fields), encoding="utf-8")

    return spoil


def edit_config(**fields):
    return edit("config.json", **fields)


def edit_both(**fields):
    """The config where no file says how to generate."""

    def spoil(directory):
        (directory / "generation_config.json").unlink()
        edit_config(**fields)(directory)

    return spoil


def edit_weights(change):
    def spoil(directory):
        weights = load_file(directory / WEIGHTS)
        change(weights)
        save_file(weights, directory / WEIGHTS, {"format": "pt"})

    return spoil


def cut(directory):
    os.truncate(directory / WEIGHTS, 2000)


def offer_pickle(directory):
    torch.save(load_file(directory / WEIGHTS), directory / "pytorch_model.bin")
    (directory / WEIGHTS).unlink()


def leave_a_pointer(directory):
    text = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 269060552\n"
    (directory / WEIGHTS).write_text(text, encoding="utf-8")


def name_pickle_safetensors(directory):
    torch.save({"a": torch.zeros(3)}, directory / WEIGHTS)


def link_to_nowhere(directory):
    (directory / WEIGHTS).unlink()
    (directory / WEIGHTS).symlink_to(directory / "nowhere")


def make_a_pipe(name):
    def spoil(directory):
        (directory / name).unlink(missing_ok=True)
        os.mkfifo(directory / name)

    return spoil


def drop_tokenizer(directory):
    for path in directory.glob("tokenizer*"):
        path.unlink()


def use_a_larger_tokenizer(directory):
    path = directory / "tokenizer.json"
    tokenizer = json.loads(path.read_text(encoding="utf-8"))
    tokenizer["model"]["vocab"]["far away"] = 5000
    path.write_text(json.dumps(tokenizer), encoding="utf-8")


DAMAGES = {
    "no config": (lambda d: (d / "config.json").unlink(), "needs a config.json"),
    **{
        f"a pipe for {name}": (make_a_pipe(name), f"{name}: a regular file is required")
        for name in ("config.json", "generation_config.json", "tokenizer.json", WEIGHTS, INDEX)
    },
    "a folder by the name of a file": (
        lambda d: (d / "vocabulary.json").mkdir(),
        "vocabulary.json: a regular file is required",
    ),
    "a bad config": (lambda d: (d / "config.json").write_text("{"), "config.json cannot be used"),
    "no causal model": (
        edit_config(architectures=["LlamaForSequenceClassification"]),
        "no known head site for model class LlamaForSequenceClassification",
    ),
    "an encoder": (
        edit_config(architectures=["BertForMaskedLM"]),
        "model class BertForMaskedLM: one of the .* classes of causal language models",
    ),
    "no family": (edit_config(architectures="Llama"), "names none under 'architectures'"),
    "code of its own": (
        edit_config(model_type="unheard_of", auto_map={"AutoConfig": "evil.EvilConfig"}),
        "this model brings code of its own .* which is never run",
    ),
    "a quantisation in a word": (edit_config(quantization_config="awq"), "these are .by 'awq'.:"),
    "a billion layers": (edit_config(num_hidden_layers=10**9), "asks for 1000000000 layers"),
    "a billion words": (edit_config(vocab_size=10**9), "and the files hold"),
    "half a head": (edit_config(num_attention_heads=1.5), "config.json"),
    **{
        f"an end that is {end!r}": (
            edit("generation_config.json", eos_token_id=end),
            "eos_token_id must be a token of the model, from 0 to 257, or a list of such, got",
        )
        for end in ([], "</s>", "", True, 1.5, -1, 258, [2, "</s>"], [[2]], {"a": 1})
    },
    "no end in the config": (edit_both(eos_token_id=[]), "eos_token_id must be a token"),
    "a padding that is true": (edit("generation_config.json", pad_token_id=True), "pad_token_id"),
    "a padding in words": (
        edit("generation_config.json", pad_token_id="<pad>"),
        "the weights cannot be loaded",
    ),
    "a pickle and nothing else": (offer_pickle, "weights in safetensors are required"),
    "a pickle by another name": (name_pickle_safetensors, "the weights cannot be loaded"),
    "a pointer of git-lfs": (leave_a_pointer, "got git-lfs's pointer to them: run git lfs pull"),
    "weights that were cut off": (cut, "the weights cannot be loaded"),
    "a link to nowhere": (link_to_nowhere, "weights in safetensors are required"),
    "a weight too few": (
        edit_weights(lambda weights: weights.pop("model.layers.1.self_attn.o_proj.weight")),
        "1 weights are missing or of the wrong shape",
    ),
    "a weight of another shape": (
        edit_weights(lambda weights: weights.update({"model.norm.weight": torch.zeros(99)})),
        "1 weights are missing or of the wrong shape",
    ),
    "an MLP of another width": (edit_config(intermediate_size=64), "weights"),
    "an index to outside": (edit(INDEX, weight_map={"a": "../../x.safetensors"}), "must name"),
    "an index without a map": (edit(INDEX, weight_map=[1]), "an index of safetensors is required"),
    "a shard that is not there": (edit(INDEX, weight_map={"a": "b.safetensors"}), "must name"),
    "no tokenizer": (drop_tokenizer, "a usable tokenizer.json is required"),
    "another model's tokenizer": (
        use_a_larger_tokenizer,
        "the tokenizer has token 5000, and the model knows 258",
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_directory_is_refused_in_one_line(damage, directory):
    spoil, message = DAMAGES[damage]
    spoil(directory)
    with pytest.raises(InvalidInput, match=message) as error:
        load(directory)
    assert "\n" not in str(error.value)
    assert str(directory) in str(error.value) or "model class" in str(error.value)
