"""Model directories, damaged in every way: a model or one line, and no memory beyond."""

import json
import os
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from ablation.errors import InvalidInput
from ablation.loading import load_model
from ablation.models import model_spec
from ablation.tests.tiny_models import tiny_directory
from ablation.weight_files import INDEX
from experiments.tests.hostile import damaged, fuzz, st, survives

FILES = ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json")
HUGE = st.sampled_from([0, -1, 1, 10**6, 10**9, 10**18, 10**400, 1e300])


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return tiny_directory(tmp_path_factory.mktemp("models") / "tiny", layers=2, heads=2)


@pytest.fixture
def directory(whole, tmp_path):
    return shutil.copytree(whole, tmp_path / "tiny")


def load(directory):
    return load_model(model_spec(str(directory)))


@pytest.mark.parametrize("name", FILES)
def test_no_damaged_file_is_more_than_a_model_or_one_line(name, directory, pytestconfig):
    path = directory / name
    sound = path.read_bytes()
    load(directory)
    files = sorted(directory.parent.rglob("*"))

    def check(data):
        path.write_bytes(data)
        survives(load, directory, seconds=5)

    fuzz(pytestconfig, damaged(sound), check)
    assert sorted(directory.parent.rglob("*")) == files


def test_no_config_of_another_size_takes_memory(directory, pytestconfig):
    path = directory / "config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    sizes = sorted(key for key, value in config.items() if isinstance(value, int))
    load(directory)

    def check(changes):
        path.write_text(json.dumps(config | changes), encoding="utf-8")
        survives(load, directory, seconds=5)

    fuzz(pytestconfig, st.dictionaries(st.sampled_from(sizes), HUGE, min_size=1, max_size=3), check)


def edit(name, **changes):
    def spoil(directory):
        path = directory / name
        content = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        path.write_text(json.dumps(content | changes), encoding="utf-8")

    return spoil


def offer_pickle(directory):
    weights = load_file(directory / "model.safetensors")
    torch.save(weights, directory / "pytorch_model.bin")
    (directory / "model.safetensors").unlink()


def name_pickle_safetensors(directory):
    torch.save({"a": torch.zeros(3)}, directory / "model.safetensors")


def cut(directory):
    os.truncate(directory / "model.safetensors", 2000)


def widen(directory):
    weights = load_file(directory / "model.safetensors")
    weights["model.norm.weight"] = torch.zeros(99)
    save_file(weights, directory / "model.safetensors", {"format": "pt"})


def dangle(directory):
    (directory / "model.safetensors").unlink()
    (directory / "model.safetensors").symlink_to(directory / "nowhere")


def pipe(directory):
    (directory / "config.json").unlink()
    os.mkfifo(directory / "config.json")


INPUTS = {
    "a pickle and nothing else": (offer_pickle, "weights in safetensors are required"),
    "a pickle by another name": (name_pickle_safetensors, "the weights cannot be loaded"),
    "weights that were cut off": (cut, "the weights cannot be loaded"),
    "a weight of another shape": (widen, "1 weights are missing or of the wrong shape"),
    "a link to nowhere": (dangle, "weights in safetensors are required"),
    "a pipe": (pipe, "needs a config.json"),
    "a billion layers": (
        edit("config.json", num_hidden_layers=10**9),
        "asks for 1000000000 layers",
    ),
    "a billion words": (edit("config.json", vocab_size=10**9), "and the files hold"),
    "half a head": (edit("config.json", num_attention_heads=1.5), "config.json"),
    "another family": (edit("config.json", architectures=["BertModel"]), "BertModel"),
    "no family": (edit("config.json", architectures="Llama"), "none named in config.json"),
    "code of its own": (
        edit("config.json", model_type="new", auto_map={"AutoConfig": "evil.Config"}),
        "config.json cannot be used",
    ),
    "an end that is no token": (
        edit("generation_config.json", eos_token_id="</s>"),
        "eos_token_id",
    ),
    "an index to outside": (edit(INDEX, weight_map={"a": "../../x.safetensors"}), "must name"),
    "an index without a map": (edit(INDEX, weight_map=[1]), "an index of safetensors is required"),
    "a shard that is not there": (edit(INDEX, weight_map={"a": "b.safetensors"}), "must name"),
}


@pytest.mark.parametrize("name", INPUTS)
def test_what_is_wrong_with_a_directory_is_said_in_one_line(name, directory):
    spoil, message = INPUTS[name]
    spoil(directory)
    with pytest.raises(InvalidInput, match=message) as error:
        load(directory)
    assert "\n" not in str(error.value)
    assert str(directory) in str(error.value) or "model class" in str(error.value)


def test_a_tokenizer_of_another_model_is_refused(directory):
    path = directory / "tokenizer.json"
    tokenizer = json.loads(path.read_text(encoding="utf-8"))
    tokenizer["model"]["vocab"]["far away"] = 5000
    path.write_text(json.dumps(tokenizer), encoding="utf-8")
    with pytest.raises(InvalidInput, match="the tokenizer has token 5000, and the model knows 258"):
        load(directory)
