"""Model directories, damaged in every way: a model or one line, and no memory beyond."""

import json
import shutil

import pytest

from ablation.models.loading import load_model
from ablation.models.registry import model_spec
from ablation.tests.support.tiny_models import tiny_directory
from experiments.tests.hostile.hostile import damaged, fuzz, st, survives

FILES = (
    "config.json", "generation_config.json", "model.safetensors", "tokenizer.json",
    "tokenizer_config.json",
)  # fmt: skip
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
        survives(load, directory)

    fuzz(pytestconfig, damaged(sound), check)
    assert sorted(directory.parent.rglob("*")) == files


def test_no_config_of_another_size_takes_memory(directory, pytestconfig):
    path = directory / "config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    sizes = sorted(key for key, value in config.items() if isinstance(value, int))
    load(directory)

    def check(changes):
        path.write_text(json.dumps(config | changes), encoding="utf-8")
        survives(load, directory)

    fuzz(pytestconfig, st.dictionaries(st.sampled_from(sizes), HUGE, min_size=1, max_size=3), check)
